"""Agents and their versions."""

from typing import Any

from anthropic.types.beta import (
    AgentCreateParams,
    AgentUpdateParams,
    BetaManagedAgentsWebFetchToolConfigParams,
    BetaManagedAgentsWebSearchToolConfigParams,
)
from django.db.models import F
from ninja import Router

from agents.access import access_agent, access_agent_version
from agents.api import queries
from agents.api.auth import ApiRequest
from agents.api.bodies import Body, extended
from agents.api.openapi import asks, takes
from agents.api.pagination import NEWEST_FIRST, Cursor, cursor_of, limit_of, live_or_all, page_of
from agents.api.shapes.agents import ListedAgent, agent_shape, listed_shape
from agents.limits import AGENT_VERSION_MAX
from agents.models import Agent
from agents.plugs import agent_extensions
from agents.services import agents as services

router = Router(tags=["agents"])
# What an agent was shown as may be sent back: an unset setting of a web tool is shown as null.
CLEARABLE = (BetaManagedAgentsWebFetchToolConfigParams, BetaManagedAgentsWebSearchToolConfigParams)
extensions = {name: module.PARAMS for name, module in agent_extensions().items()}
create_body = Body(extended(AgentCreateParams, extensions), clearable=CLEARABLE)
update_body = Body(extended(AgentUpdateParams, extensions), clearable=CLEARABLE)


def _listed(workspace: Any) -> Any:
    """With the latest definition, and without rows for it: the list is asked for more than anything else of agents."""
    rows = Agent.objects.in_workspace(workspace).filter(is_internal=False, versions__number=F("version"))
    return rows.values_list(*ListedAgent._fields[:-1], "versions__definition")


agents = live_or_all(_listed, ListedAgent)


@router.post("", openapi_extra=takes(create_body))
def create_agent(request: ApiRequest) -> dict[str, Any]:
    return _latest(services.create_agent(create_body(request), actor=request.auth))


@router.get("", openapi_extra=asks("limit", "page", "include_archived", "created_at[gte]", "created_at[lte]"))
def list_agents(request: ApiRequest) -> dict[str, Any]:
    rows = agents[queries.flag(request, "include_archived")]
    created_at = queries.bounds(request, "created_at", ("gte", "lte"))
    asked = rows.of(request.auth.workspace.pk)
    return page_of(request, asked, listed_shape, listing="agents", created_at=created_at)


@router.get("/{agent_id}", openapi_extra=asks("version"))
def get_agent(request: ApiRequest, agent_id: str) -> dict[str, Any]:
    number = queries.whole(request, "version", least=1, most=AGENT_VERSION_MAX)
    return agent_shape(*access_agent_version(request.auth, agent_id, number))


@router.post("/{agent_id}", openapi_extra=takes(update_body))
def update_agent(request: ApiRequest, agent_id: str) -> dict[str, Any]:
    agent = access_agent(request.auth, agent_id)
    return _latest(services.update_agent(agent, update_body(request), actor=request.auth))


@router.post("/{agent_id}/archive")
def archive_agent(request: ApiRequest, agent_id: str) -> dict[str, Any]:
    return _latest(services.archive_agent(access_agent(request.auth, agent_id), actor=request.auth))


@router.get("/{agent_id}/versions", openapi_extra=asks("limit", "page"))
def list_versions(request: ApiRequest, agent_id: str) -> dict[str, Any]:
    """Newest first."""
    agent = access_agent(request.auth, agent_id)
    listing, limit = f"versions of {agent.pk}", limit_of(request)
    cursor = cursor_of(request, listing, NEWEST_FIRST, (int,))
    rows = agent.versions.filter(number__lt=cursor.key[0]) if cursor else agent.versions.all()
    found = list(rows.order_by("-number")[: limit + 1])
    last = Cursor(listing=listing, order=NEWEST_FIRST, key=(found[limit - 1].number,)) if len(found) > limit else None
    return {
        "data": [agent_shape(agent, version) for version in found[:limit]],
        "next_page": last.encoded() if last else None,
    }


def _latest(agent: Agent) -> dict[str, Any]:
    return agent_shape(agent, agent.versions.get(number=agent.version))
