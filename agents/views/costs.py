"""What the workspace's sessions and dreams cost: the page, and the same by day as a file."""

import csv
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.http import HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_GET

from agents.access import require_role
from agents.forms.costs import CostFilter
from agents.http import HtmxHttpRequest, page
from agents.models import Agent, Role, Session
from agents.prices import RUNTIME, Cost
from agents.services.costs import GROUPS, Costs, Period, Sum
from agents.services.prices import book_of
from agents.views.audit import csv_cell

DEAREST = 20
BARS_MAX = 92  # days; more would be thinner than a pixel on a phone
COLUMNS = (
    *("day", "kind", "agent_id", "agent", "model", "sessions", "tokens", "unpriced_tokens"),
    *("list_cost_usd", "practice_list_cost_usd"),
)


@require_GET
@require_role(Role.VIEWER)
def costs(request: HtmxHttpRequest) -> HttpResponse:
    form = CostFilter(request.GET)
    book, (since, until) = book_of(request.workspace), form.days()
    spent = Costs(request.workspace, _period(form), book)
    kinds = spent.by("kind")
    context: dict[str, Any] = {
        "section": "costs",
        "form": form,
        "since": since,
        "until": until,
        "now": timezone.now(),
        "query": request.GET.urlencode(),
        "runtime": book.runtime,
        "total": spent.by().get((), Sum()),
        "sessions": kinds.get(("session",), Sum()),
        "dreams": kinds.get(("dream",), Sum()),
        "bars": (bars := _bars(spent, since, until)),
        "dearest_day": max(sum(parts) for _, parts in bars),
        "days": spent.by("day"),
        "agents": _by_agent(request, spent),
        "models": [(model, total) for (model,), total in _dearest(spent.by("model"))],
        "dearest": _sessions(spent.dearest(DEAREST)),
        "runtime_key": RUNTIME,
    }
    return page(request, "agents/costs.html", context)


@require_GET
@require_role(Role.VIEWER)
def costs_export(request: HtmxHttpRequest) -> HttpResponse:
    """One row per day, kind, agent and model."""
    form = CostFilter(request.GET)
    sums = Costs(request.workspace, _period(form), book_of(request.workspace)).by(*GROUPS)
    since, until = form.days()
    headers = {"Content-Disposition": f'attachment; filename="costs-{since}-{until}.csv"'}
    response = HttpResponse(content_type="text/csv; charset=utf-8", headers=headers)
    writer = csv.writer(response)
    writer.writerow(COLUMNS)
    names = _names(request)
    for (day, kind, agent_id, model), total in sums.items():
        counts = (total.sessions, total.tokens, total.unpriced_tokens)
        usd = "" if total.known_usd is None else _usd(total)
        named = (agent_id, csv_cell(names.get(agent_id, "")), csv_cell(model or "running time"))
        writer.writerow([day, kind, *named, *counts, usd, f"{total.practice_usd:.6f}"])
    return response


def _usd(total: Sum) -> str:
    return f"{total.usd:.6f}"


def _period(form: CostFilter) -> Period:
    first, last = form.moments()
    return Period.within({"gte": first, "lte": last})


def _bars(spent: Costs, since: date, until: date) -> list[tuple[str, tuple[Decimal, Decimal]]]:
    """Dollars of sessions and of dreams for every day, also without any; the last days where there are too many."""
    sums = spent.by("day", "kind")
    number = min((until - since).days + 1, BARS_MAX)
    days = [until - timedelta(days=back) for back in reversed(range(number))]
    return [(f"{day:%d %b}".lstrip("0"), (_spent(sums, day, "session"), _spent(sums, day, "dream"))) for day in days]


def _spent(sums: dict[Any, Sum], day: date, kind: str) -> Decimal:
    found = sums.get((day, kind))
    return found.usd if found else Decimal()


def _by_agent(request: HtmxHttpRequest, spent: Costs) -> list[tuple[str, str, Sum]]:
    """Without dreams, which are no agent's."""
    names = _names(request)
    sums = _dearest(spent.by("agent_id"))
    return [(agent_id, names.get(agent_id, agent_id), total) for (agent_id,), total in sums if agent_id]


def _names(request: HtmxHttpRequest) -> dict[str, str]:
    return dict(Agent.objects.in_workspace(request.workspace).values_list("pk", "name"))


def _sessions(costs: list[tuple[str, Cost]]) -> list[tuple[Session, Cost]]:
    found = Session.objects.only("title", "kind", "is_practice").in_bulk([pk for pk, _cost in costs])
    return [(found[pk], cost) for pk, cost in costs if pk in found]


def _dearest(sums: dict[Any, Sum]) -> list[tuple[Any, Sum]]:
    return sorted(sums.items(), key=lambda entry: (entry[1].usd, entry[1].unpriced_tokens), reverse=True)
