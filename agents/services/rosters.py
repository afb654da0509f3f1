"""Rosters: the agents that another one names, found in its workspace and frozen for a session."""

from functools import cache
from typing import Any

from agents.access import access_agent_version
from agents.definitions.multiagent import Owner, RosterAgent, check_geo, frozen, pins
from agents.exceptions import NotFound
from agents.models import Agent, AgentVersion, Workspace


def owner_of(agent_id: str, version: int, workspace: Workspace) -> Owner:
    """What resolving this agent's roster needs; every agent is read once."""

    @cache
    def find(other_id: str, number: int | None) -> RosterAgent | None:
        try:
            agent, found = access_agent_version(workspace, other_id, number)
        except NotFound:
            return None
        if agent.is_internal:
            return None
        return RosterAgent(
            id=agent.pk, version=found.number, is_archived=agent.is_archived, definition=found.definition
        )

    return Owner(id=agent_id, version=version, find=find)


def snapshot_of(agent: Agent, version: AgentVersion) -> dict[str, Any]:
    """What a session freezes: the definition, with whole definitions in its roster."""
    snapshot = {"id": agent.pk, "type": "agent", "version": version.number, **version.definition}
    roster = version.definition["multiagent"]
    if roster is None:
        return snapshot
    members = {pin: _member(*pin) for pin in dict.fromkeys(pins(roster))}
    check_geo(version.definition, list(members.values()))
    return {**snapshot, "multiagent": frozen(roster, snapshot, members)}


def _member(agent_id: str, number: int) -> dict[str, Any]:
    definition = AgentVersion.objects.get(agent=agent_id, number=number).definition
    return {"id": agent_id, "type": "agent", "version": number, **definition}
