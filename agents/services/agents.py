"""Agents: create, update (a new version when the definition really changes), archive."""

from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from agents import definitions
from agents.actors import Actor
from agents.exceptions import Conflict, InvalidRequest
from agents.models import Agent, AgentVersion
from agents.outbox import emit


@transaction.atomic
def create_agent(body: dict[str, Any], *, actor: Actor, is_internal: bool = False) -> Agent:
    """`body` has the wire's create members; the agent starts at version 1."""
    definition = definitions.resolve(body)
    now = timezone.now()
    agent = Agent.objects.create(
        workspace=actor.workspace,
        name=definition["name"],
        metadata=definition["metadata"],
        is_internal=is_internal,
        created_at=now,
        updated_at=now,
    )
    AgentVersion.objects.create(agent=agent, number=1, definition=definition, created_at=now)
    if not is_internal:
        emit(actor.workspace, "agent.created", agent.pk)
    return agent


@transaction.atomic
def update_agent(agent: Agent, body: dict[str, Any], *, actor: Actor) -> Agent:
    """Omitted members stay; `version` guards against somebody else's update, also when nothing would change."""
    expected = body.get("version", agent.version)
    if expected != agent.version:
        raise Conflict(f"The agent is at version {agent.version}, not {expected}.")
    if agent.is_archived:
        raise InvalidRequest(f"The agent {agent.pk} is archived.")
    before = agent.versions.get(number=agent.version).definition
    changes = {name: value for name, value in body.items() if name != "version"}
    definition = definitions.resolve(changes, previous=before)
    if definition == before:
        return agent
    now = timezone.now()
    moved = Agent.objects.filter(pk=agent.pk, version=expected, archived_at=None).update(
        version=F("version") + 1, name=definition["name"], metadata=definition["metadata"], updated_at=now
    )
    if not moved:
        raise Conflict(f"Somebody else has just changed the agent {agent.pk}.")
    AgentVersion.objects.create(agent=agent, number=expected + 1, definition=definition, created_at=now)
    emit(agent.workspace, "agent.updated", agent.pk)
    agent.refresh_from_db()
    return agent


@transaction.atomic
def archive_agent(agent: Agent, *, actor: Actor) -> Agent:
    """Idempotent: an archived agent stays as it was."""
    now = timezone.now()
    if Agent.objects.filter(pk=agent.pk, archived_at=None).update(archived_at=now, updated_at=now):
        emit(agent.workspace, "agent.archived", agent.pk)
        agent.refresh_from_db()
    return agent
