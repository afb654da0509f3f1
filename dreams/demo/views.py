"""The demo's one button: run the tasks again."""

from django.http import HttpResponseBase
from django.urls import reverse
from django.views.decorators.http import require_POST

from agents.access import access_row, require_role
from agents.http import HtmxHttpRequest, go
from agents.models import Agent, Role
from dreams.demo.rounds import Demo, demo_agents, run_again


@require_POST
@require_role(Role.REVIEWER)
def demo_run(request: HtmxHttpRequest) -> HttpResponseBase:
    """Begin the next round of a demo agent, unless one is under way."""
    agent_id = request.POST.get("agent_id", "")
    agent = access_row(Agent, request.workspace, agent_id, "Demo agent", pk__in=demo_agents().values("pk"))
    run_again(Demo.of(agent))
    return go(request, reverse("agent", args=[agent.pk]))
