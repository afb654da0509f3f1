"""Why a deployment could not start a session, in the wire's words.

A refusal says what is wrong in a sentence for people. Its kind is read from the state that the deployment refers to, so
that no caller depends on the wording of another one's message.
"""

from typing import Any

from agents.actors import platform
from agents.environment_config import SELF_HOSTED, unreachable_host
from agents.exceptions import DomainError, NotFound
from agents.models import AgentVersion, Deployment, Skill, Vault
from agents.plugs import resource_kinds

UNKNOWN = "unknown_error"
REJECTED = "session_creation_rejected_error"
RATE_LIMITED = "session_rate_limited_error"


def pauses(error_type: str) -> bool:
    """Whether a scheduled start that failed so pauses the deployment: all that does not go away by itself."""
    return error_type not in (REJECTED, RATE_LIMITED)


def error_type_of(deployment: Deployment, refusal: DomainError) -> str:
    """The wire's type of a refusal; where several things are wrong, the first of them in the order below."""
    if refusal.status == 429:
        return RATE_LIMITED
    return (
        _agent_error(deployment)
        or _environment_error(deployment)
        or _vault_error(deployment)
        or _resource_error(deployment)
        or _skill_error(deployment)
        or REJECTED
    )


def _agent_error(deployment: Deployment) -> str | None:
    return "agent_archived_error" if deployment.agent.is_archived else None


def _environment_error(deployment: Deployment) -> str | None:
    environment = deployment.environment
    if environment.deleted_at:
        return "environment_not_found_error"
    if environment.is_archived:
        return "environment_archived_error"
    if environment.config["type"] == SELF_HOSTED and any(
        entry["type"] != "memory_store" for entry in deployment.resources
    ):
        return "self_hosted_resources_unsupported_error"
    urls = [server["url"] for server in _definition(deployment)["mcp_servers"]]
    return "mcp_egress_blocked_error" if unreachable_host(environment.config, urls) else None


def _vault_error(deployment: Deployment) -> str | None:
    found = dict(_of(Vault, deployment).filter(pk__in=deployment.vault_ids).values_list("pk", "archived_at"))
    if len(found) < len(set(deployment.vault_ids)):
        return "vault_not_found_error"
    return "vault_archived_error" if any(found.values()) else None


def _resource_error(deployment: Deployment) -> str | None:
    return next((error for entry in deployment.resources if (error := _refused(deployment, entry))), None)


def _refused(deployment: Deployment, entry: dict[str, Any]) -> str | None:
    """What the kind of this resource says of it by now."""
    try:
        resource_kinds()[entry["type"]].validate(entry, actor=platform(deployment.workspace))
    except NotFound:
        return "file_not_found_error" if entry["type"] == "file" else "session_resource_not_found_error"
    except DomainError as refusal:
        return "memory_store_archived_error" if refusal.code == "memory_store_archived" else None
    return None


def _skill_error(deployment: Deployment) -> str | None:
    wanted = {skill["skill_id"] for skill in _definition(deployment)["skills"] if skill["type"] == "custom"}
    return "skill_not_found_error" if _of(Skill, deployment).filter(pk__in=wanted).count() < len(wanted) else None


def _definition(deployment: Deployment) -> dict[str, Any]:
    version = AgentVersion.objects.get(agent=deployment.agent_id, number=deployment.agent_version)
    definition: dict[str, Any] = version.definition
    return definition


def _of(model: Any, deployment: Deployment) -> Any:
    return model.objects.in_workspace(deployment.workspace_id)
