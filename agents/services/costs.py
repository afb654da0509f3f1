"""What a workspace's sessions and dreams cost at list price, summed by day, kind, agent or model."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from agents.models import Session, SessionKind, VerdictResult, Workspace
from agents.prices import RUNTIME, Line, lines_of, token_count
from agents.services.prices import book_of

COUNTED = (SessionKind.AGENT, SessionKind.DREAM)  # imported sessions brought no usage along
GROUPS = ("day", "kind", "agent_id", "model")
FIELDS = ("pk", "kind", "agent_id", "title", "is_practice", "verdict", "escalated_at", "spent")


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One day's usage of one model, or its running time, in one session."""

    session_id: str
    title: str
    kind: str
    agent_id: str
    is_practice: bool
    is_completed: bool
    day: date
    model: str
    usd: Decimal | None
    tokens: int
    input_tokens: int
    cached_tokens: int


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

    def add(self, item: Item) -> None:
        self.sessions.add(item.session_id)
        if item.is_completed:
            self.completed.add(item.session_id)
        self.tokens += item.tokens
        self.input_tokens += item.input_tokens
        self.cached_tokens += item.cached_tokens
        self.unpriced_tokens += item.tokens if item.usd is None else 0
        self.usd += item.usd or 0
        self.practice_usd += (item.usd or 0) if item.is_practice else 0

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


def items_of(workspace: Workspace, **filters: Any) -> list[Item]:
    """Every session that fits, split by day and model."""
    rows = Session.objects.in_workspace(workspace).filter(kind__in=COUNTED, **filters).exclude(spent={})
    book = book_of(workspace)
    items: list[Item] = []
    for pk, kind, agent_id, title, is_practice, verdict, escalated_at, spent in rows.values_list(*FIELDS).iterator():
        said = {
            "session_id": pk,
            "title": title or pk,
            "kind": "dream" if kind == SessionKind.DREAM else "session",
            "agent_id": "" if kind == SessionKind.DREAM else agent_id,
            "is_practice": is_practice,
            "is_completed": verdict == VerdictResult.COMPLETED and escalated_at is None,
        }
        items += [_item(line, spent, said) for line in lines_of(spent, book)]
    return items


def items_between(workspace: Workspace, created_at: dict[str, datetime]) -> list[Item]:
    """`created_at` has the operators of the query: gt, gte, lt, lte."""
    return items_of(workspace, **{f"created_at__{operator}": moment for operator, moment in created_at.items()})


def cells_of(items: Iterable[Item]) -> dict[Cell, Sum]:
    """The finest groups, which every other sum is put together from: there are few of them."""
    return summed(items, lambda item: Cell(item.day, item.kind, item.agent_id, item.model))


def summed[Key](items: Iterable[Item], key: Callable[[Item], Key]) -> dict[Key, Sum]:
    sums: dict[Key, Sum] = {}
    for item in items:
        of = key(item)
        if of not in sums:
            sums[of] = Sum()
        sums[of].add(item)
    return sums


def merged[Key](cells: Mapping[Cell, Sum], key: Callable[[Cell], Key]) -> dict[Key, Sum]:
    sums: dict[Key, Sum] = {}
    for cell, found in cells.items():
        sums.setdefault(key(cell), Sum()).merge(found)
    return sums


def grouped(cells: Mapping[Cell, Sum], names: Sequence[str]) -> dict[tuple[Any, ...], Sum]:
    """By these members of a cell, in order."""
    sums = merged(cells, lambda cell: tuple(getattr(cell, name) for name in names))
    return dict(sorted(sums.items(), key=lambda entry: tuple(str(part) for part in entry[0])))


def _item(line: Line, spent: dict[str, dict[str, Any]], said: dict[str, Any]) -> Item:
    counters = spent[line.day.isoformat()][line.model] if line.model != RUNTIME else {}
    return Item(
        **said,
        day=line.day,
        model=line.model,
        usd=line.usd,
        tokens=line.tokens,
        input_tokens=token_count(counters) - int(counters.get("output_tokens") or 0),
        cached_tokens=int(counters.get("cache_read_input_tokens") or 0),
    )
