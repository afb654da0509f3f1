"""The list of agents; the page of one agent shows outcomes and lives with them."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from django.db.models import Count
from django.http import HttpResponse
from django.views.decorators.http import require_GET

from agents.access import require_role
from agents.forms.parts import NameFilter
from agents.http import HtmxHttpRequest, newest_first, page
from agents.models import Agent, AgentVersion, Role, Session

PAGE_SIZE = 50


@require_GET
@require_role(Role.VIEWER)
def agent_list(request: HtmxHttpRequest) -> HttpResponse:
    """The agents of the workspace, without the platform's own."""
    form = NameFilter(request.GET)
    found = Agent.objects.in_workspace(request.workspace).filter(is_internal=False)
    rows = newest_first(request, form.narrow(found, "name"), size=PAGE_SIZE)
    context = {
        "section": "agents",
        "filter": form,
        "agents": _described(rows.items),
        "next": rows.next_query(request),
        "may_write": request.member.is_admin,
    }
    return page(request, "agents/agent_list.html", context, partial={"agent-rows": "rows"})


def _described(agents: list[Agent]) -> list[dict[str, Any]]:
    definitions = {
        (version.agent_id, version.number): version.definition
        for version in AgentVersion.objects.filter(agent__in=agents)
    }
    counts: defaultdict[str, dict[str, int]] = defaultdict(dict)
    judged = Session.objects.filter(agent__in=agents).values_list("agent_id", "verdict").annotate(n=Count("pk"))
    for agent_id, verdict, number in judged:
        counts[agent_id][verdict or "open"] = number
    return [
        {
            "agent": agent,
            "definition": definitions.get((agent.pk, agent.version), {}),
            "model": model_name(definitions.get((agent.pk, agent.version), {})),
            "completed": counts[agent.pk].get("completed", 0),
            "failed": counts[agent.pk].get("failed", 0),
            "sessions": sum(counts[agent.pk].values()),
        }
        for agent in agents
    ]


def model_name(definition: Mapping[str, Any]) -> str:
    """The model's id, whether the definition names it by id or with its options."""
    model = definition.get("model") or ""
    return str(model.get("id", "")) if isinstance(model, Mapping) else str(model)
