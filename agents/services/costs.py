"""What a workspace's sessions and dreams cost at list price, summed by day, kind, agent or model."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from heapq import nlargest
from typing import Any, NamedTuple

from agents.models import Session, SessionKind, VerdictResult, Workspace
from agents.prices import RUNTIME, Cost, PriceBook, cost_of, lines_of, token_count

COUNTED = (SessionKind.AGENT, SessionKind.DREAM)  # imported sessions brought no usage along
GROUPS = ("day", "kind", "agent_id", "model")
FIELDS = ("pk", "kind", "agent_id", "is_practice", "verdict", "escalated_at", "spent")

MANY = 1_000_000

type Counters = dict[str, Any]  # as a session's `spent` has them for a day and a model


@dataclass(slots=True, kw_only=True)
class Sum:
    """`usd` holds what has a price, `practice_usd` the part of it that the practice model answered."""

    usd: Decimal = Decimal(0)
    practice_usd: Decimal = Decimal(0)
    tokens: int = 0
    input_tokens: int = 0
    cached_tokens: int = 0
    unpriced_tokens: int = 0
    sessions: set[str] = field(default_factory=set)
    completed: set[str] = field(default_factory=set)

    def merge(self, other: "Sum") -> None:
        for name in ("usd", "practice_usd", "tokens", "input_tokens", "cached_tokens", "unpriced_tokens"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.sessions |= other.sessions
        self.completed |= other.completed

    @property
    def is_known(self) -> bool:
        return not self.unpriced_tokens

    @property
    def known_usd(self) -> Decimal | None:
        return self.usd if self.is_known else None

    @property
    def spent_usd(self) -> Decimal:
        """Without what the practice model answered, which nobody is billed for."""
        return self.usd - self.practice_usd

    @property
    def per_session(self) -> Decimal | None:
        return self.usd / len(self.sessions) if self.sessions and self.is_known else None

    @property
    def per_completed(self) -> Decimal | None:
        """What a session that did its job costs, the others' cost included; None where that cannot be said."""
        return self.usd / len(self.completed) if self.completed and self.is_known else None

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


@dataclass(slots=True)
class _Poured:
    """What the sessions of one group used together."""

    counters: Counters = field(default_factory=dict)
    sessions: set[str] = field(default_factory=set)
    completed: set[str] = field(default_factory=set)


def rows_of(workspace: Workspace, **filters: Any) -> list[tuple[Any, ...]]:
    """The sessions and dreams that fit and have used something, as `FIELDS`."""
    found = Session.objects.in_workspace(workspace).filter(kind__in=COUNTED, **filters).exclude(spent={})
    return list(found.values_list(*FIELDS))


def rows_between(workspace: Workspace, created_at: dict[str, datetime]) -> list[tuple[Any, ...]]:
    """`created_at` has the operators of the query: gt, gte, lt, lte."""
    return rows_of(workspace, **{f"created_at__{operator}": moment for operator, moment in created_at.items()})


def cells_of(rows: Iterable[tuple[Any, ...]], book: PriceBook) -> dict[Cell, Sum]:
    """The finest groups, which every other sum is put together from: there are few of them. Prices are per token and
    hour, so a group is priced once and not each of its sessions."""
    cells: dict[Cell, Sum] = {}
    for (day, kind, agent_id, model, is_practice), poured in _poured(rows).items():
        cell = Cell(date.fromisoformat(day), kind, agent_id, model)
        cells.setdefault(cell, Sum()).merge(_summed(cell, poured, is_practice, book))
    return cells


def dearest(rows: Iterable[tuple[Any, ...]], book: PriceBook, number: int) -> list[tuple[str, Cost]]:
    """The ids of the sessions and dreams that cost most, the dearest first. Exact sums of them all would take longer
    than the rest of the page, so floats find the candidates."""
    weights = _Weights(book)
    candidates = nlargest(2 * number, rows, key=lambda row: weights.of(row[-1]))
    costs = ((row[0], cost_of(row[-1], book)) for row in candidates)
    return nlargest(number, costs, key=lambda entry: (entry[1].usd, entry[1].unpriced_tokens))


class _Weights:
    """What one of each counter costs, by day and model, as floats."""

    def __init__(self, book: PriceBook) -> None:
        self._book = book
        self._known: dict[tuple[str, str, str, str], float | None] = {}

    def of(self, spent: Mapping[str, Mapping[str, Counters]]) -> tuple[float, int]:
        """Dollars, and tokens without a price."""
        usd, unpriced = 0.0, 0
        for day, models in spent.items():
            for model, counters in models.items():
                found = self._usd(day, model, "", counters)
                usd += found or 0.0
                unpriced += token_count(counters) if found is None else 0
        return usd, unpriced

    def _usd(self, day: str, model: str, part: str, counters: Counters) -> float | None:
        usd = 0.0
        for name, value in counters.items():
            if isinstance(value, dict):
                usd += self._usd(day, model, name, value) or 0.0
            elif value:
                one = self._one(day, model, part, name)
                if one is None:
                    return None
                usd += one * value
        return usd

    def _one(self, day: str, model: str, part: str, name: str) -> float | None:
        key = (day, model, part, name)
        if key not in self._known:
            counters: Counters = {part: {name: MANY}} if part else {name: MANY}
            [line] = lines_of({day: {model: counters}}, self._book)
            self._known[key] = None if line.usd is None else float(line.usd) / MANY
        return self._known[key]


def _poured(rows: Iterable[tuple[Any, ...]]) -> Mapping[tuple[str, str, str, str, bool], "_Poured"]:
    """By day, kind, agent, model, and whether the practice model answered."""
    poured: defaultdict[tuple[str, str, str, str, bool], _Poured] = defaultdict(_Poured)
    for pk, kind, agent_id, is_practice, verdict, escalated_at, spent in rows:
        is_completed = verdict == VerdictResult.COMPLETED and escalated_at is None
        whose = ("dream", "") if kind == SessionKind.DREAM else ("session", agent_id)
        for day, models in spent.items():
            for model, counters in models.items():
                cell = poured[(day, *whose, model, is_practice)]
                _pour(cell.counters, counters)
                cell.sessions.add(pk)
                if is_completed:
                    cell.completed.add(pk)
    return poured


def _pour(into: Counters, counters: Counters) -> None:
    for name, value in counters.items():
        if isinstance(value, dict):
            _pour(into.setdefault(name, {}), value)
        elif value:
            into[name] = into.get(name, 0) + value


def _summed(key: Cell, cell: _Poured, is_practice: bool, book: PriceBook) -> Sum:
    [line] = lines_of({key.day.isoformat(): {key.model: cell.counters}}, book)
    counters = cell.counters if key.model != RUNTIME else {}
    return Sum(
        usd=line.usd or Decimal(0),
        practice_usd=(line.usd or Decimal(0)) if is_practice else Decimal(0),
        tokens=line.tokens,
        input_tokens=token_count(counters) - int(counters.get("output_tokens") or 0),
        cached_tokens=int(counters.get("cache_read_input_tokens") or 0),
        unpriced_tokens=line.tokens if line.usd is None else 0,
        sessions=cell.sessions,
        completed=cell.completed,
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
