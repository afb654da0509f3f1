"""Prices of a workspace: what applies on which day, a price of its own, the price of running time."""

from collections import defaultdict
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from django.db import transaction
from django.utils import timezone

from agents import audit
from agents.actors import Actor
from agents.editions import check_edition
from agents.eventlog import statements
from agents.eventlog.fold import spent_until
from agents.models import CostDay, ModelPrice, Session, Workspace
from agents.price_list import Price, Rates
from agents.prices import RUNTIME_USD_PER_HOUR, Cost, PriceBook, cost_of

CHARACTERS_PER_TOKEN = 4
SAID = (
    *("user.message", "agent.message", "agent.tool_use", "agent.tool_result"),
    *("agent.custom_tool_use", "user.custom_tool_result", "agent.mcp_tool_use", "agent.mcp_tool_result"),
)
RATES = ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h")
RUNTIME_KEY = "runtime_usd_per_hour"  # of the workspace's settings
HISTORY_KEY = "runtime_usd_before"  # [[first day of the next price, what an hour cost until then], …]


def book_of(workspace: Workspace) -> PriceBook:
    """What applies in the workspace, by day: one query, to be made once for a whole page."""
    return book_from(workspace.pk, workspace.settings)


def book_from(workspace_id: str, settings: dict[str, Any]) -> PriceBook:
    """The same for who has the workspace's settings at hand already."""
    own: defaultdict[str, list[Price]] = defaultdict(list)
    for row in statements.own_prices.all(workspace_id):
        own[row.model].append(own_price(row))
    before = tuple((date.fromisoformat(until), _usd(price)) for until, price in settings.get(HISTORY_KEY, ()))
    runtime = _usd(settings.get(RUNTIME_KEY))
    return PriceBook(own={name: tuple(prices) for name, prices in own.items()}, runtime=runtime, runtime_before=before)


def own_price(row: ModelPrice) -> Price:
    """A stored price as sums take it."""
    rates = Rates(**{name: getattr(row, name) for name in RATES})
    return Price(model=row.model, valid_from=row.valid_from, rates=rates, source="this workspace's own price")


def session_cost(session: Session, book: PriceBook, now: datetime) -> Cost:
    """Tokens, searches and running time, the turn under way included."""
    return cost_of(spent_until(session.spent, session.running_since, now), book)


def estimated_tokens(session: Session) -> int:
    """What a session that brought no usage along may have used: its characters, four to a token."""
    said = session.events.filter(type__in=SAID).values_list("payload", flat=True)
    return sum(_characters(payload) for payload in said.iterator()) // CHARACTERS_PER_TOKEN


def _characters(value: Any) -> int:
    if isinstance(value, str):
        return len(value)
    members = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return sum(_characters(member) for member in members)


@transaction.atomic
def set_price(
    model: str, valid_from: date, rates: dict[str, Decimal], *, actor: Actor, edition: str = ""
) -> ModelPrice:
    """The workspace's own price of a model from a day on; a price of the same day is replaced."""
    if before := price_on(actor.workspace, model, valid_from, lock=True):
        check_edition(edition, before, [name for name in RATES if rates[name] != getattr(before, name)])
    row, is_new = ModelPrice.objects.update_or_create(
        workspace=actor.workspace, model=model, valid_from=valid_from, defaults=rates
    )
    CostDay.objects.rank_again(actor.workspace.pk)
    audit.record(actor, "price.created" if is_new else "price.updated", row.pk, name=f"{model} from {valid_from}")
    return row


def price_on(workspace: Workspace, model: str, day: date, *, lock: bool = False) -> ModelPrice | None:
    """The workspace's own price of a model that begins on that day."""
    rows = ModelPrice.objects.in_workspace(workspace).filter(model=model, valid_from=day)
    found: ModelPrice | None = (rows.select_for_update() if lock else rows).first()
    return found


@transaction.atomic
def delete_price(row: ModelPrice, *, actor: Actor) -> None:
    """Back to what applied before it."""
    audit.record(actor, "price.deleted", row.pk, name=str(row))
    row.delete()
    CostDay.objects.rank_again(actor.workspace.pk)


def runtime_price(workspace: Workspace) -> Decimal:
    """What an hour of running costs today, as it is stored now."""
    return _usd(Workspace.objects.get(pk=workspace.pk).settings.get(RUNTIME_KEY))


@transaction.atomic
def set_runtime_price(usd_per_hour: Decimal, *, actor: Actor, edition: str = "") -> None:
    """What an hour of running costs from today on; the days before keep theirs."""
    workspace = Workspace.objects.select_for_update(no_key=True).get(pk=actor.workspace.pk)
    before = _usd(workspace.settings.get(RUNTIME_KEY))
    if usd_per_hour == before:
        return
    check_edition(edition, {"usd_per_hour": before}, ["usd_per_hour"])
    today = timezone.now().astimezone(UTC).date().isoformat()
    history = list(workspace.settings.get(HISTORY_KEY, ()))
    if not any(until == today for until, _ in history):  # a second change on one day: what applied before it stays
        history.append([today, str(before)])
    workspace.settings |= {RUNTIME_KEY: str(usd_per_hour), HISTORY_KEY: history}
    workspace.save(update_fields=["settings"])
    CostDay.objects.rank_again(workspace.pk)
    audit.record(actor, "price.updated", workspace.pk, name="an hour of running time")


def _usd(value: Any) -> Decimal:
    """A setting as money; what is no amount counts as not set."""
    try:
        usd = Decimal(str(value))
    except InvalidOperation:
        return RUNTIME_USD_PER_HOUR
    return usd if usd.is_finite() and usd >= 0 else RUNTIME_USD_PER_HOUR
