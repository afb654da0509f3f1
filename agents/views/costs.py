"""What the workspace's sessions and dreams cost: the page, and the same by day as a file."""

import csv
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_GET

from agents.access import require_role
from agents.forms.costs import CostFilter
from agents.http import HtmxHttpRequest, page
from agents.models import Agent, Role, Session
from agents.prices import RUNTIME, Cost
from agents.services.costs import Cell, Sum, cells_of, counted, dearest, grouped, merged, sessions_of
from agents.services.prices import book_of
from agents.views.audit import csv_cell

DEAREST = 20
AGENT = ("agent_id",)
BARS_MAX = 92  # days; more would be thinner than a pixel on a phone
COLUMNS = (
    *("day", "kind", "agent_id", "agent", "model", "sessions", "tokens", "unpriced_tokens"),
    *("list_cost_usd", "practice_list_cost_usd"),
)


@require_GET
@require_role(Role.VIEWER)
def costs(request: HtmxHttpRequest) -> HttpResponse:
    form = CostFilter(request.GET)
    found, book, (since, until) = _found(request, form), book_of(request.workspace), form.days()
    cells = cells_of(found, book)
    kinds = counted(grouped(cells, ("kind",)), found, ("kind",))
    context: dict[str, Any] = {
        "section": "costs",
        "form": form,
        "since": since,
        "until": until,
        "now": timezone.now(),
        "query": request.GET.urlencode(),
        "runtime": book.runtime,
        "total": counted(grouped(cells, ()), found, ()).get((), Sum()),
        "sessions": kinds.get(("session",), Sum()),
        "dreams": kinds.get(("dream",), Sum()),
        "bars": (bars := _bars(cells, since, until)),
        "dearest_day": max(sum(parts) for _, parts in bars),
        "days": grouped(cells, ("day",)),
        "agents": _by_agent(request, cells, found),
        "models": _dearest(merged(cells, lambda cell: cell.model)),
        "dearest": _sessions(dearest(found, cells, book, DEAREST)),
        "runtime_key": RUNTIME,
    }
    return page(request, "agents/costs.html", context)


@require_GET
@require_role(Role.VIEWER)
def costs_export(request: HtmxHttpRequest) -> HttpResponse:
    """One row per day, kind, agent and model."""
    form = CostFilter(request.GET)
    found = _found(request, form)
    sums = grouped(cells_of(found, book_of(request.workspace)), Cell._fields)
    since, until = form.days()
    headers = {"Content-Disposition": f'attachment; filename="costs-{since}-{until}.csv"'}
    response = HttpResponse(content_type="text/csv; charset=utf-8", headers=headers)
    writer = csv.writer(response)
    writer.writerow(COLUMNS)
    names = _names(request)
    for (day, kind, agent_id, model), total in counted(sums, found, Cell._fields).items():
        counts = (total.sessions, total.tokens, total.unpriced_tokens)
        usd = "" if total.known_usd is None else _usd(total)
        named = (agent_id, csv_cell(names.get(agent_id, "")), csv_cell(model or "running time"))
        writer.writerow([day, kind, *named, *counts, usd, f"{total.practice_usd:.6f}"])
    return response


def _usd(total: Sum) -> str:
    return f"{total.usd:.6f}"


def _found(request: HtmxHttpRequest, form: CostFilter) -> QuerySet[Session]:
    first, last = form.moments()
    return sessions_of(request.workspace, created_at__gte=first, created_at__lte=last)


def _bars(cells: dict[Cell, Sum], since: date, until: date) -> list[tuple[str, tuple[Decimal, Decimal]]]:
    """Dollars of sessions and of dreams for every day, also without any; the last days where there are too many."""
    sums = merged(cells, lambda cell: (cell.day, cell.kind))
    number = min((until - since).days + 1, BARS_MAX)
    days = [until - timedelta(days=back) for back in reversed(range(number))]
    return [(f"{day:%d %b}".lstrip("0"), (_spent(sums, day, "session"), _spent(sums, day, "dream"))) for day in days]


def _spent(sums: dict[Any, Sum], day: date, kind: str) -> Decimal:
    found = sums.get((day, kind))
    return found.usd if found else Decimal()


def _by_agent(request: HtmxHttpRequest, cells: dict[Cell, Sum], found: QuerySet[Session]) -> list[tuple[str, str, Sum]]:
    names = _names(request)
    sums = counted(grouped({cell: each for cell, each in cells.items() if cell.agent_id}, AGENT), found, AGENT)
    return [(agent_id, names.get(agent_id, agent_id), total) for (agent_id,), total in _dearest(sums)]


def _names(request: HtmxHttpRequest) -> dict[str, str]:
    return dict(Agent.objects.in_workspace(request.workspace).values_list("pk", "name"))


def _sessions(costs: list[tuple[str, Cost]]) -> list[tuple[Session, Cost]]:
    found = Session.objects.only("title", "kind", "is_practice").in_bulk([pk for pk, _cost in costs])
    return [(found[pk], cost) for pk, cost in costs if pk in found]


def _dearest(sums: dict[Any, Sum]) -> list[tuple[Any, Sum]]:
    return sorted(sums.items(), key=lambda entry: (entry[1].usd, entry[1].unpriced_tokens), reverse=True)
