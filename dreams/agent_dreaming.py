"""The extension field `dreaming` of agents: a shorthand for the agent's own dream policy, which is the truth.

`agents.plugs.AgentExtension` says when each function is called.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypedDict

from django.db.models import Count

from agents.actors import Actor
from agents.exceptions import InvalidRequest
from agents.models import Agent, SessionResource
from dreams.models import DreamPolicy
from dreams.policies import NIGHTLY, archive_policy, create_policy, pause_policies_of, update_policy
from memory.models import MemoryStore, Tier


class AgentDreamingParams(TypedDict, total=False):
    """`schedule` is a cron line, read in `timezone`; without one it is every night at 03:00 UTC."""

    enabled: bool
    schedule: str
    timezone: str
    objective: str | None
    mode: Literal["review", "auto"]


PARAMS = AgentDreamingParams
NAMES = {"schedule.expression": "schedule", "schedule.timezone": "timezone"}  # of a policy's members, where they differ


def apply(
    agent: Agent, wanted: dict[str, Any] | None, kept: dict[str, Any] | None, *, actor: Actor
) -> dict[str, Any] | None:
    """What is left out stays as the policy has it; null archives the policy."""
    policy = _own_policy(agent)
    if wanted is None:
        if policy:
            archive_policy(policy, actor=actor)
        return None
    body: dict[str, Any] = {name: wanted[name] for name in ("enabled", "objective", "mode") if name in wanted}
    if schedule := _schedule(wanted, policy):
        body["schedule"] = schedule
    if policy is None:
        body = {"agent_id": agent.pk, "memory_store_id": _store_of(agent), **body}
    try:
        saved = _saved(policy, body, actor)
    except InvalidRequest as refusal:
        raise InvalidRequest(_named_here(refusal.message))
    return {"policy_id": saved.pk}


def shape(agent: Agent, kept: Mapping[str, Any]) -> dict[str, Any]:
    """As the policy is now, whoever changed it."""
    policy = DreamPolicy.objects.filter(agent=agent.pk, pk=kept["policy_id"]).first()
    if policy is None:
        return {"enabled": False, "schedule": None, "timezone": "UTC", "objective": None, "mode": "review"}
    return {
        "enabled": policy.is_enabled and not policy.is_archived,
        "schedule": policy.cron or None,
        "timezone": policy.timezone,
        "objective": policy.objective,
        "mode": policy.mode,
    }


def resources(agent: Agent, kept: Mapping[str, Any], named: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return []


def archived(agent: Agent, *, actor: Actor) -> None:
    pause_policies_of(agent, actor=actor)


def _saved(policy: DreamPolicy | None, body: Mapping[str, Any], actor: Actor) -> DreamPolicy:
    if policy:
        return update_policy(policy, body, actor=actor)
    return create_policy(body, actor=actor, is_agents_own=True)


def _named_here(message: str) -> str:
    """What a policy's refusal says, with the member called as in this field."""
    path, found, words = message.partition(": ")
    return f"dreaming.{NAMES.get(path, path)}: {words}" if found and " " not in path else message


def _own_policy(agent: Agent) -> DreamPolicy | None:
    return DreamPolicy.objects.live().filter(agent=agent, is_agents_own=True).first()


def _schedule(wanted: Mapping[str, Any], policy: DreamPolicy | None) -> dict[str, Any] | None:
    """The wire's schedule when either half of it is named; the other half is the policy's."""
    if "schedule" not in wanted and "timezone" not in wanted:
        return None
    before = policy.cron if policy else ""
    zone = policy.timezone if policy else NIGHTLY["timezone"]
    expression = wanted.get("schedule", before or NIGHTLY["expression"])
    return {"type": "cron", "expression": expression, "timezone": wanted.get("timezone", zone)}


def _store_of(agent: Agent) -> str:
    """The first store of the agent's memory that dreams may write, else the one that its sessions mount most."""
    stores = MemoryStore.objects.in_workspace(agent.workspace_id).live()
    usable = stores.filter(tier=Tier.WORKING, unreviewed_review_id=None)
    named = (agent.extensions.get("memory") or {}).get("stores") or []
    found = set(usable.filter(pk__in=named).values_list("pk", flat=True))
    if first := next((pk for pk in named if pk in found), None):
        return str(first)
    mounts = SessionResource.objects.filter(
        kind="memory_store", session__agent=agent, target_id__in=usable.values("pk")
    )
    most = mounts.order_by().values("target_id").annotate(number=Count("pk")).order_by("-number", "target_id").first()
    if most is None:
        raise InvalidRequest(
            "dreaming: the agent has no memory store to dream into; give it memory {enabled: true}, too."
        )
    return str(most["target_id"])
