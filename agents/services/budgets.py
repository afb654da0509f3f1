"""Budgets of sessions: what one may be, whether it is used up, and what a session at its cap still takes."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import Q
from django.utils import timezone

from agents.exceptions import InvalidRequest
from agents.ids import new_id
from agents.models import AgentVersion, Session, SessionStatus, Workspace
from agents.outbox import emit
from agents.prices import CURRENCY, PriceBook
from agents.services.prices import book_of, session_cost

REACHED = "budget_reached"
# What a session at its cap takes: answers to calls that wait, and a stop.
TAKEN_AT_THE_CAP = ("user.tool_confirmation", "user.tool_result", "user.custom_tool_result", "user.interrupt")
CENTS = re.compile(r"[1-9][0-9]{0,14}", re.ASCII)


def checked_budget(
    budget: Mapping[str, Any] | None, definition: Mapping[str, Any], workspace: Workspace, *, field: str = "budget"
) -> dict[str, Any] | None:
    """The budget as it is kept; `definition` is the agent's, or a session's snapshot of it."""
    if budget is None:
        return None
    amount, currency = budget["max_list_cost"]["amount"], budget["max_list_cost"]["currency"]
    if not CENTS.fullmatch(amount):
        raise InvalidRequest(
            f"{field}.max_list_cost.amount: it must be a whole number of cents above 0, without leading zeros."
        )
    if currency != CURRENCY:
        raise InvalidRequest(f"{field}.max_list_cost.currency: only {CURRENCY} is supported.")
    today = timezone.now().date()
    book = book_of(workspace)
    for model in sorted(set(models_in(definition, workspace))):
        if book.price_of(model, today) is None:
            raise InvalidRequest(
                f"{field}: the model {model!r} has no list price, so its spending cannot be limited. "
                "Give it a price under Set up, Prices.",
                code="model_not_budgetable",
            )
    return {"type": "limit", "max_list_cost": {"amount": amount, "currency": currency}}


def models_in(definition: Mapping[str, Any], workspace: Workspace) -> Iterator[str]:
    """Every model that a session of the agent can run: its own, and those of whom it may call in."""
    entries = list(_entries(definition))
    references = [entry for entry in entries if entry.get("type") == "agent" and "model" not in entry]
    for entry in (definition, *entries):
        if model := entry.get("model"):
            yield model["id"] if isinstance(model, Mapping) else str(model)
    if references:
        wanted = Q(pk__in=())
        for entry in references:
            wanted |= Q(agent=entry["id"], number=entry["version"])
        found = AgentVersion.objects.filter(wanted, agent__workspace=workspace)
        for version in found:
            yield version.definition["model"]["id"]


def _entries(definition: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The members of the roster, whichever way it is written, and an advisor."""
    pending: list[Any] = [definition.get("multiagent")]
    while pending:
        value = pending.pop()
        if isinstance(value, list):
            pending += value
        elif isinstance(value, Mapping):
            if "model" in value or "version" in value:
                yield value
            else:
                pending += value.values()


def changed_budget(session: Session, budget: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """What an update makes of the session's budget; the caller holds the session's row."""
    if budget is None:
        return None
    if session.budget is None:
        raise InvalidRequest(
            "budget: a session that was created without a budget, or lost it, takes none later.",
            code="budget_create_only",
        )
    checked = checked_budget(budget, session.agent_snapshot, session.workspace)
    if checked == session.budget and not is_reached(session):
        return checked
    cost = session_cost(session, book_of(session.workspace), timezone.now())
    if not cost.is_known or cost.usd >= limit_of(checked or {}):
        raise InvalidRequest(
            "budget: the new cap must be above what the session has cost already; null removes it.",
            code="budget_not_raised",
        )
    return checked


def limit_of(budget: Mapping[str, Any]) -> Decimal:
    """The cap in dollars."""
    return Decimal(budget["max_list_cost"]["amount"]) / 100


def is_reached(session: Session, book: PriceBook | None = None, now: datetime | None = None) -> bool:
    """Whether nothing more may be spent: the exact cost is at the cap, or cannot be known. Without a budget, never."""
    if session.budget is None:
        return False
    cost = session_cost(session, book or book_of(session.workspace), now or timezone.now())
    return not cost.is_known or cost.usd >= limit_of(session.budget)


def is_paused(session: Session) -> bool:
    """Whether it rests because of its budget, and goes on by itself when that is raised or removed."""
    return session.status == SessionStatus.IDLE and (session.stop_reason or {}).get("type") == REACHED


def check_events_at_cap(session: Session, types: Iterable[str]) -> None:
    """Refuse what would only wait for money that is not there."""
    refused = next((type for type in types if type not in TAKEN_AT_THE_CAP), None)
    if session.budget is not None and refused and is_reached(session):
        raise InvalidRequest(
            f"events: the session {session.pk} has reached its budget, so it takes {_listed(TAKEN_AT_THE_CAP)} only, "
            f"and no {refused}. Raise the budget or remove it."
        )


def ignored(event: dict[str, Any]) -> dict[str, Any]:
    """An interrupt of a session that is paused: there is nothing to stop. It is taken and not kept."""
    return {"id": new_id("event"), **event, "processed_at": None}


def announce(session: Session) -> None:
    """Tell webhooks that the budget was reached, once for each value that it had; call it before the log says so."""
    changed = Q(type="session.updated", payload__has_key="budget")
    told = Q(type="session.thread_status_idle", payload__stop_reason__type=REACHED)
    latest = session.events.filter(changed | told).order_by("-seq").values_list("type", flat=True).first()
    if latest != "session.thread_status_idle":
        emit(session.workspace_id, "session.budget_reached", session.pk)


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}"
