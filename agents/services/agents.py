"""Agents: create, update (a new version when the definition really changes), archive."""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from agents import audit, definitions
from agents.actors import Actor
from agents.editions import check_edition
from agents.exceptions import Conflict, InvalidRequest
from agents.ids import new_id
from agents.models import Agent, AgentVersion
from agents.outbox import emit
from agents.services.agent_extensions import apply_extensions, archive_extensions, parted
from agents.services.deployments import archive_deployments
from agents.services.rosters import owner_of
from agents.services.skills import pin


@transaction.atomic
def create_agent(body: dict[str, Any], *, actor: Actor, is_internal: bool = False) -> Agent:
    """`body` has the wire's create members; the agent starts at version 1."""
    agent_id = new_id("agent")
    body, extensions = parted(body)
    definition = definitions.resolve(pin(body, actor), owner=owner_of(agent_id, 1, actor.workspace))
    now = timezone.now()
    agent = Agent.objects.create(
        id=agent_id,
        workspace=actor.workspace,
        name=definition["name"],
        metadata=definition["metadata"],
        is_internal=is_internal,
        created_at=now,
        updated_at=now,
    )
    AgentVersion.objects.create(agent=agent, number=1, definition=definition, created_at=now)
    agent.extensions = apply_extensions(agent, extensions, actor=actor)
    if agent.extensions:
        Agent.objects.filter(pk=agent.pk).update(extensions=agent.extensions)
    if not is_internal:
        emit(actor.workspace, "agent.created", agent.pk)
        audit.record(actor, "agent.created", agent.pk, name=agent.name)
    return agent


@transaction.atomic
def update_agent(agent: Agent, body: dict[str, Any], *, actor: Actor, edition: str = "") -> Agent:
    """Omitted members stay; `version` guards against somebody else's update, also when nothing would change. Without it
    the update lies over whatever is there."""
    agent = _lock(agent)
    _check_version(agent, body.get("version", agent.version))
    if agent.is_archived:
        raise InvalidRequest(f"The agent {agent.pk} is archived.")
    changes, extensions = parted({name: value for name, value in body.items() if name != "version"})
    before = agent.versions.get(number=agent.version).definition
    owner = owner_of(agent.pk, agent.version, actor.workspace)
    definition = definitions.resolve(pin(changes, actor), previous=before, owner=owner)
    kept = apply_extensions(agent, extensions, actor=actor)
    changed = [member for member, value in definition.items() if value != before.get(member)]
    beside = [name for name in extensions if kept.get(name) != agent.extensions.get(name)]
    if not changed and not beside:
        return agent
    check_edition(edition, beside_version(agent), beside)
    columns: dict[str, Any] = {"extensions": kept, "updated_at": timezone.now()}
    if changed:
        columns |= _add_version(agent, definition, columns["updated_at"])
    Agent.objects.filter(pk=agent.pk).update(**columns)
    emit(agent.workspace_id, "agent.updated", agent.pk)
    detail = f"version {columns['version']}: {', '.join(changed + beside)}" if changed else ", ".join(beside)
    audit.record(actor, "agent.updated", agent.pk, name=definition["name"], detail=detail)
    agent.refresh_from_db()
    return agent


def beside_version(agent: Agent) -> dict[str, Any]:
    """What people change about it on its page, where `version` tells of nothing."""
    return {"version": agent.version, **agent.extensions}


def _check_version(agent: Agent, expected: int) -> None:
    if expected < 1:
        raise InvalidRequest("version: it must be at least 1.")
    if expected != agent.version:
        raise Conflict(f"The agent is at version {agent.version}, not {expected}.")


def _add_version(agent: Agent, definition: definitions.Definition, now: datetime) -> dict[str, Any]:
    """The next version's row; returns what the agent's own row takes over from it."""
    number = agent.version + 1
    AgentVersion.objects.create(agent=agent, number=number, definition=definition, created_at=now)
    return {"version": number, "name": definition["name"], "metadata": definition["metadata"]}


@transaction.atomic
def archive_agent(agent: Agent, *, actor: Actor) -> Agent:
    """Idempotent: an archived agent stays as it was. Its deployments are archived with it, its schedules of dreams
    pause."""
    agent = _lock(agent)
    if not agent.is_archived:
        now = timezone.now()
        Agent.objects.filter(pk=agent.pk).update(archived_at=now, updated_at=now)
        emit(agent.workspace_id, "agent.archived", agent.pk)
        audit.record(actor, "agent.archived", agent.pk, name=agent.name)
        archive_deployments(agent.deployments.all(), actor=actor)
        archive_extensions(agent, actor=actor)
        agent.refresh_from_db()
    return agent


def _lock(agent: Agent) -> Agent:
    """The row lock, held until the commit; the platform's own agents are nobody's to change."""
    Agent.objects.filter(pk=agent.pk).update(version=F("version"))
    locked: Agent = Agent.objects.get(pk=agent.pk)
    if locked.is_internal:
        raise InvalidRequest(f"The agent {locked.pk} belongs to the platform itself.")
    return locked
