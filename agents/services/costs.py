"""What a workspace's sessions and dreams cost at list price, summed by day, kind, agent or model."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from heapq import nlargest
from typing import Any, NamedTuple

from django.db.models import QuerySet

from agents.models import Session, SessionKind, Workspace
from agents.prices import RUNTIME, Cost, PriceBook, cost_of, lines_of, token_count
from agents.services import spent_sums
from agents.services.spent_sums import GROUPS, Counters

COUNTED = (SessionKind.AGENT, SessionKind.DREAM)  # imported sessions brought no usage along
MANY = 1_000_000
__all__ = ["GROUPS", "Cell", "Sum", "cells_of", "counted", "dearest", "grouped", "merged", "sessions_of"]


@dataclass(slots=True, kw_only=True)
class Sum:
    """`usd` holds what has a price, `practice_usd` the part of it that the practice model answered. `sessions` and
    `completed` are known where the sum was `counted`."""

    usd: Decimal = Decimal(0)
    practice_usd: Decimal = Decimal(0)
    tokens: int = 0
    input_tokens: int = 0
    cached_tokens: int = 0
    unpriced_tokens: int = 0
    sessions: int = 0
    completed: int = 0

    def merge(self, other: "Sum") -> None:
        """What was used; a session may be in both, so those are counted for each grouping anew."""
        for name in ("usd", "practice_usd", "tokens", "input_tokens", "cached_tokens", "unpriced_tokens"):
            setattr(self, name, getattr(self, name) + getattr(other, name))

    @property
    def is_known(self) -> bool:
        return not self.unpriced_tokens

    @property
    def known_usd(self) -> Decimal | None:
        return self.usd if self.is_known else None

    @property
    def per_session(self) -> Decimal | None:
        return self.usd / self.sessions if self.sessions and self.is_known else None

    @property
    def per_completed(self) -> Decimal | None:
        """What a session that did its job costs, the others' cost included; None where that cannot be said."""
        return self.usd / self.completed if self.completed and self.is_known else None

    @property
    def cache_percent(self) -> int | None:
        """How much of what the models read came from the cache."""
        return round(100 * self.cached_tokens / self.input_tokens) if self.input_tokens else None


class Cell(NamedTuple):
    """What sums are grouped by."""

    day: date
    kind: str
    agent_id: str
    model: str


def sessions_of(workspace: Workspace, **filters: Any) -> QuerySet[Session]:
    """The sessions and dreams that fit and have used something."""
    return Session.objects.in_workspace(workspace).filter(kind__in=COUNTED, **filters).exclude(spent={})


def sessions_between(workspace: Workspace, created_at: dict[str, datetime]) -> QuerySet[Session]:
    """`created_at` has the operators of the query: gt, gte, lt, lte."""
    return sessions_of(workspace, **{f"created_at__{operator}": moment for operator, moment in created_at.items()})


def cells_of(found: QuerySet[Session], book: PriceBook, names: Sequence[str] = GROUPS) -> dict[Cell, Sum]:
    """The finest groups that sums by these names are put together from; where a name is left out, its member is empty.
    Prices are per token and hour, so a group is priced once and not each of its sessions."""
    cells: dict[Cell, Sum] = {}
    for (day, kind, agent_id, model), is_practice, counters in spent_sums.used(found, names):
        cell = Cell(date.fromisoformat(day), kind, agent_id, model)
        cells.setdefault(cell, Sum()).merge(_summed(cell, counters, is_practice, book))
    return cells


def dearest(found: QuerySet[Session], cells: Iterable[Cell], book: PriceBook, number: int) -> list[tuple[str, Cost]]:
    """The ids of the sessions and dreams that cost most, the dearest first. The database finds candidates by floats;
    `cells` names the days and models that they are made of."""
    weights = _Weights(book)
    rates = [weights.row(*key) for key in sorted({(cell.day.isoformat(), cell.model) for cell in cells})]
    candidates = found.filter(pk__in=spent_sums.dearest(found, rates, 2 * number))
    costs = ((pk, cost_of(spent, book)) for pk, spent in candidates.values_list("pk", "spent"))
    return nlargest(number, costs, key=lambda entry: (entry[1].usd, entry[1].unpriced_tokens))


class _Weights:
    """What one of each counter costs, by day and model, as floats."""

    def __init__(self, book: PriceBook) -> None:
        self._book = book

    def row(self, day: str, model: str) -> spent_sums.Rates:
        """With the weights of the counters, those of long prompts, and whether there is no price at all."""
        plain = [self._one(day, model, {name: MANY}) for name in spent_sums.COUNTERS]
        long = [self._one(day, model, {"long": {name: MANY}}) for name in spent_sums.TOKENS]
        weights = [weight or 0.0 for weight in (*plain, *long)]
        return [day, model, int(model != RUNTIME and None in plain), *weights]

    def _one(self, day: str, model: str, counters: Counters) -> float | None:
        [line] = lines_of({day: {model: counters}}, self._book)
        return None if line.usd is None else float(line.usd) / MANY


def _summed(key: Cell, used: Counters, is_practice: bool, book: PriceBook) -> Sum:
    [line] = lines_of({key.day.isoformat(): {key.model: used}}, book)
    counters = used if key.model != RUNTIME else {}
    return Sum(
        usd=line.usd or Decimal(0),
        practice_usd=(line.usd or Decimal(0)) if is_practice else Decimal(0),
        tokens=line.tokens,
        input_tokens=token_count(counters) - int(counters.get("output_tokens") or 0),
        cached_tokens=int(counters.get("cache_read_input_tokens") or 0),
        unpriced_tokens=line.tokens if line.usd is None else 0,
    )


def merged[Key](cells: Mapping[Cell, Sum], key: Callable[[Cell], Key]) -> dict[Key, Sum]:
    sums: dict[Key, Sum] = {}
    for cell, found in cells.items():
        sums.setdefault(key(cell), Sum()).merge(found)
    return sums


def grouped(cells: Mapping[Cell, Sum], names: Sequence[str]) -> dict[tuple[Any, ...], Sum]:
    """By these members of a cell, in order."""
    sums = merged(cells, lambda cell: tuple(getattr(cell, name) for name in names))
    return dict(sorted(sums.items(), key=lambda entry: tuple(str(part) for part in entry[0])))


def counted(sums: dict[tuple[Any, ...], Sum], found: QuerySet[Session], names: Sequence[str]) -> dict[Any, Sum]:
    """The same sums, grouped by these names, with how many sessions have a part in each."""
    for key, sessions, completed in spent_sums.counts(found, names):
        typed = tuple(
            date.fromisoformat(part) if name == "day" else part for name, part in zip(names, key, strict=True)
        )
        if typed in sums:
            sums[typed].sessions, sums[typed].completed = sessions, completed
    return sums
