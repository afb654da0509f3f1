"""The agent page: did memory help this agent?"""

from datetime import timedelta
from typing import Any

from django.db.models import Q
from django.http import HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_GET

from agents.access import access_agent, require_role
from agents.http import HtmxHttpRequest, page
from agents.models import Role, Session
from agents.views.agents import model_name
from agents.views.tools import tools_problem
from memory.models import MemoryStore
from outcomes.metrics import agent_outcome, mounted_stores

SESSIONS_SHOWN = 12
VERDICT_SECONDS = 300  # a checker that has said nothing for so long will not speak any more
DEMO_KEY = "demo"  # member of an agent's metadata


@require_GET
@require_role(Role.VIEWER)
def agent_detail(request: HtmxHttpRequest, agent_id: str) -> HttpResponse:
    """Completed before and after, with intervals, and what the agent is."""
    agent = access_agent(request.actor, agent_id)
    version = agent.versions.filter(number=agent.version).first()
    sessions = list(Session.objects.filter(agent=agent).order_by("-created_at", "-pk")[:SESSIONS_SHOWN])
    is_demo = DEMO_KEY in agent.metadata
    busy = Q(status__in=("running", "rescheduling"))
    if is_demo:
        # A round goes on until its checker has spoken.
        busy |= Q(verdict=None, archived_at=None, created_at__gt=timezone.now() - timedelta(seconds=VERDICT_SECONDS))
    running = Session.objects.filter(busy, agent=agent).count()
    definition = version.definition if version else {}
    context: dict[str, Any] = {
        "section": "agents",
        "agent": agent,
        "definition": definition,
        "model": model_name(definition),
        "outcome": agent_outcome(agent),
        "stores": list(MemoryStore.objects.in_workspace(request.workspace).filter(pk__in=mounted_stores(agent))),
        "sessions": sessions,
        "running": running,
        "is_demo": is_demo,
        "is_practice": any(session.is_practice for session in sessions),
        "may_run": request.member.may_review,
        "may_write": request.member.is_admin,
        **tools_problem(),
    }
    return page(request, "outcomes/agent_detail.html", context, partial={"outcome": "outcome"})
