"""What the sessions of a period used: what is kept of whole days (`CostDay`), and the rest summed up when asked.

Why sums by the day on which a session began, and no table that every turn adds to: a turn must write nothing more, and
reports ask by when sessions began. A session is added to its day's sums once it rests (`cost_counting`); which ones are
not in them, or not any more as they were then, says `Session.uncounted`, and only those are looked at here. Sums name
their version, and it is read again at the end: whoever reads while others write sees it and begins anew.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from heapq import nlargest
from typing import Any

from django.db.models import Q, QuerySet

from agents.models import CostDay, Session, SessionKind, Uncounted
from agents.prices import PriceBook, cost_of, unit_prices
from agents.services import spent_sums
from agents.services.spent_sums import Key

COUNTED = (SessionKind.AGENT, SessionKind.DREAM)  # imported sessions brought no usage along
RANKED = 40  # of each day: twice as many as are shown, because the database ranks by floats
READS = 5  # after so many that somebody wrote in between, no kept sums are used
TICK, DAY = timedelta(microseconds=1), timedelta(days=1)

type Rows = dict[Key, list[int]]
type Ranked = tuple[str, Decimal, int]  # a session, what it costs, and its tokens without a price


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """When the sessions were created: from `first` on, before `until`."""

    first: datetime | None = None
    until: datetime | None = None

    @classmethod
    def within(cls, bounds: Mapping[str, datetime]) -> "Period":
        """By the operators of a query: gt, gte, lt, lte."""
        firsts = [bounds.get("gte"), _after(bounds.get("gt"), TICK)]
        lasts = [bounds.get("lt"), _after(bounds.get("lte"), TICK)]
        return cls(first=max(filter(None, firsts), default=None), until=min(filter(None, lasts), default=None))

    @classmethod
    def of_day(cls, day: date) -> "Period":
        first = datetime.combine(day, time(), UTC)
        return cls(first=first, until=_after(first, DAY))

    def __and__(self, other: "Period") -> "Period":
        firsts, lasts = filter(None, (self.first, other.first)), filter(None, (self.until, other.until))
        return Period(first=max(firsts, default=None), until=min(lasts, default=None))

    def holds(self, day: date) -> bool:
        """The whole of it."""
        return self & Period.of_day(day) == Period.of_day(day)

    def sessions(self, workspace_id: str) -> QuerySet[Session]:
        bounds = {"created_at__gte": self.first, "created_at__lt": self.until}
        return Session.objects.filter(workspace=workspace_id, **{name: at for name, at in bounds.items() if at})

    def days(self, workspace_id: str) -> QuerySet[CostDay]:
        """Those that it touches."""
        bounds = {
            "day__gte": self.first and self.first.astimezone(UTC).date(),
            "day__lte": self.until and self.until.astimezone(UTC).date(),
        }
        return CostDay.objects.filter(workspace=workspace_id, **{name: day for name, day in bounds.items() if day})


def _after(moment: datetime | None, step: timedelta) -> datetime | None:
    """None where nothing comes after it: the end of time is no bound."""
    try:
        return moment and moment + step
    except OverflowError:
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """What the sessions of a period used: the kept sums of `days` and those of the `live` sessions, put together."""

    workspace_id: str
    days: list[CostDay]
    live: list[QuerySet[Session]]
    rows: Rows

    def ranked(self, book: PriceBook, number: int) -> list[Ranked]:
        """Those that cost most, and at most `RANKED`, the dearest first."""
        entries: list[Ranked] = []
        others = list(self.live)
        for day in self.days:
            if day.edition == book.edition:
                entries += load_ranked(day)
            else:
                others.append(countable(Period.of_day(day.day).sessions(self.workspace_id).filter(uncounted=None)))
        for found in others:
            entries += rank(found, self.rows, book)
        return nlargest(number, entries, key=by_cost)


def used(workspace_id: str, period: Period) -> Used:
    """Tried again where sums were written while they were read: a session would be in both parts, or in none."""
    for _ in range(READS):
        days = list(period.days(workspace_id))
        found = _put_together(workspace_id, *_parted(workspace_id, period, days))
        if _versions(days) == _versions(period.days(workspace_id).only("version")):
            return found
    return _put_together(workspace_id, [], [countable(period.sessions(workspace_id))])


def _parted(workspace_id: str, period: Period, days: list[CostDay]) -> tuple[list[CostDay], list[QuerySet[Session]]]:
    """The days whose sums count, and the sessions that are in none of them."""
    sessions = countable(period.sessions(workspace_id))
    changed = {_day(at) for at in sessions.filter(uncounted=Uncounted.CHANGED).values_list("created_at", flat=True)}
    kept = [day for day in days if day.sums is not None and day.day not in changed and period.holds(day.day)]
    unkept = [Period.of_day(day.day) & period for day in days if day not in kept]
    counted = Q(uncounted=None) | Q(uncounted=Uncounted.CHANGED)
    parts = [countable(part.sessions(workspace_id)).filter(counted) for part in unkept]
    return kept, [sessions.filter(uncounted=Uncounted.NEW), *parts]


def _put_together(workspace_id: str, days: list[CostDay], live: list[QuerySet[Session]]) -> Used:
    rows: Rows = {}
    for day in days:
        add(rows, load(day))
    for found in live:
        add(rows, spent_sums.used(found))
    return Used(workspace_id=workspace_id, days=days, live=live, rows=rows)


def _versions(days: Iterable[CostDay]) -> dict[int, int]:
    return {day.pk: day.version for day in days}


def _day(moment: datetime) -> date:
    return moment.astimezone(UTC).date()


def countable(sessions: QuerySet[Session]) -> QuerySet[Session]:
    """Those that have used something."""
    return sessions.filter(kind__in=COUNTED).exclude(spent={})


def add(rows: Rows, more: Iterable[tuple[Key, list[int]]]) -> Rows:
    for key, numbers in more:
        known = rows.get(key)
        rows[key] = [one + other for one, other in zip(known, numbers, strict=True)] if known else numbers
    return rows


def load(day: CostDay) -> Iterator[tuple[Key, list[int]]]:
    for key, numbers in json.loads(day.sums or "[]"):
        yield tuple(key), numbers


def load_ranked(day: CostDay) -> list[Ranked]:
    return [(pk, Decimal(usd), unpriced) for pk, usd, unpriced in json.loads(day.ranked)]


def dump(rows: Rows) -> str:
    return json.dumps(list(rows.items()), separators=(",", ":"))


def rank(found: QuerySet[Session], rows: Rows, book: PriceBook) -> list[Ranked]:
    """The dearest of them; `rows` names the days and models that they are made of."""
    rates = [_rates(day, model, book) for day, model in sorted({(key[0], key[3]) for key in rows})]
    costs = Session.objects.filter(pk__in=spent_sums.dearest(found, rates, RANKED)).values_list("pk", "spent")
    entries = ((pk, cost_of(spent, book)) for pk, spent in costs)
    return sorted(((pk, cost.usd, cost.unpriced_tokens) for pk, cost in entries), key=by_cost, reverse=True)


def _rates(day: str, model: str, book: PriceBook) -> spent_sums.Rates:
    prices = unit_prices(model, date.fromisoformat(day), book)
    return [day, model, int(prices is None), *map(float, prices or [0] * spent_sums.PRICED)]


def by_cost(entry: Ranked) -> tuple[Any, ...]:
    return entry[1:]
