"""How a deployment's sessions are made: the create body that its columns stand for, and its tokens, sealed apart."""

import json
from typing import Any

from agents import limits
from agents.access import access_agent_version, access_environment
from agents.actors import Actor
from agents.client_events import check_deployment_events
from agents.crypto import purpose_of, seal, unseal
from agents.exceptions import InvalidRequest
from agents.models import Deployment

TOKEN = "authorization_token"  # noqa: S105 (the name of a member)
# The columns that `recipe_columns` may set; when one changes, a session must still be able to start.
RECIPE = (
    "agent",
    "agent_version",
    "environment",
    "initial_events",
    "resources",
    "sealed_tokens",
    "vault_ids",
    "budget",
)
# The wire's members of a resource that is attached later; tokens are kept apart.
RESOURCE_MEMBERS = {
    "file": ("file_id", "mount_path"),
    "github_repository": ("url", "checkout", "mount_path"),
    "memory_store": ("memory_store_id", "access", "instructions"),
}

type Columns = dict[str, Any]


def session_body(deployment: Deployment) -> dict[str, Any]:
    """The create body of each session that starts from it."""
    return {
        "agent": {"type": "agent", "id": deployment.agent_id, "version": deployment.agent_version},
        "environment_id": deployment.environment_id,
        "title": deployment.name,
        "metadata": deployment.metadata,
        "initial_events": deployment.initial_events,
        "resources": resources_with_tokens(deployment),
        "vault_ids": deployment.vault_ids,
        "budget": deployment.budget,
    }


def resources_with_tokens(deployment: Deployment) -> list[dict[str, Any]]:
    """The resources as a create body has them, with their tokens, which no answer ever shows."""
    sealed = deployment.sealed_tokens
    tokens = json.loads(unseal(sealed, purpose=purpose_of(deployment, "sealed_tokens"))) if sealed else {}
    return [
        {**entry, **({TOKEN: tokens[str(index)]} if str(index) in tokens else {})}
        for index, entry in enumerate(deployment.resources)
    ]


def recipe_columns(deployment: Deployment, body: dict[str, Any], actor: Actor) -> Columns:
    """The columns that say how a session is made, for the members that the body has."""
    columns: Columns = {}
    if "agent" in body:
        reference = body["agent"]
        named = (reference,) if isinstance(reference, str) else (reference["id"], reference.get("version"))
        agent, version = access_agent_version(actor, *named)
        columns |= {"agent": agent, "agent_version": version.number}
    if "environment_id" in body:
        columns["environment"] = access_environment(actor, body["environment_id"])
    if "initial_events" in body:
        check_deployment_events(body["initial_events"])
        columns["initial_events"] = body["initial_events"]
    if "resources" in body:
        columns |= _resource_columns(deployment, body["resources"] or [])
    if "vault_ids" in body:
        columns["vault_ids"] = _checked_vaults(body["vault_ids"] or [])
    if "budget" in body:
        columns["budget"] = body["budget"]
    return columns


def _resource_columns(deployment: Deployment, entries: list[dict[str, Any]]) -> Columns:
    if len(entries) > limits.SESSION_RESOURCES_MAX:
        raise InvalidRequest(f"resources: at most {limits.SESSION_RESOURCES_MAX} are allowed.")
    kept = [
        {"type": entry["type"], **{name: entry.get(name) for name in RESOURCE_MEMBERS[entry["type"]]}}
        for entry in entries
    ]
    tokens = {str(index): entry[TOKEN] for index, entry in enumerate(entries) if entry.get(TOKEN)}
    sealed = seal(json.dumps(tokens), purpose=purpose_of(deployment, "sealed_tokens")) if tokens else ""
    return {"resources": kept, "sealed_tokens": sealed}


def _checked_vaults(vault_ids: list[str]) -> list[str]:
    if len(vault_ids) > limits.DEPLOYMENT_VAULTS_MAX:
        raise InvalidRequest(f"vault_ids: at most {limits.DEPLOYMENT_VAULTS_MAX} are allowed.")
    return list(vault_ids)
