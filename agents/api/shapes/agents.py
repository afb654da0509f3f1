"""Agents and their versions."""

from datetime import datetime
from typing import Any, NamedTuple

from agents.definitions.multiagent import shown
from agents.eventlog.wire import SNAPSHOT_MEMBERS, timestamp
from agents.models import Agent, AgentVersion
from agents.services.agent_extensions import shown_extensions

DEFINITION = (*SNAPSHOT_MEMBERS, "metadata")


class ListedAgent(NamedTuple):
    """What a list shows of an agent."""

    pk: str
    version: int
    extensions: dict[str, Any]
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None
    definition: dict[str, Any]


def listed_shape(agent: ListedAgent) -> dict[str, Any]:
    return definition_shape(agent, agent.version, agent.definition, updated_at=agent.updated_at)


def agent_shape(agent: Agent, version: AgentVersion) -> dict[str, Any]:
    """The agent as it was at that version; `updated_at` is then the version's own time."""
    is_latest = version.number == agent.version
    return definition_shape(
        agent, version.number, version.definition, updated_at=agent.updated_at if is_latest else version.created_at
    )


def definition_shape(
    agent: Agent | ListedAgent, number: int, definition: dict[str, Any], *, updated_at: datetime
) -> dict[str, Any]:
    return {
        "id": agent.pk,
        "type": "agent",
        "version": number,
        **{name: definition[name] for name in DEFINITION},
        "multiagent": shown(definition["multiagent"], agent.pk, number),
        "created_at": timestamp(agent.created_at),
        "updated_at": timestamp(updated_at),
        "archived_at": timestamp(agent.archived_at),
        **shown_extensions(agent),
    }
