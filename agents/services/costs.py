"""What a workspace's sessions and dreams cost at list price, summed by day, kind, agent or model."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cached_property
from heapq import nlargest
from typing import Any

from agents.models import Session, Workspace
from agents.prices import RUNTIME, Cost, PriceBook, cost_of, unit_prices
from agents.services import cost_days
from agents.services.cost_days import Period
from agents.services.spent_sums import MICRO, PRICED, SECONDS_AT, TOKENS

GROUPS = ("day", "kind", "agent_id", "model")
# Of the counts at the end of a row those to add up, by whether groups tell days and models apart.
_COUNTS = {(True, True): 0, (True, False): 1, (False, True): 2, (False, False): 3}
__all__ = ["GROUPS", "Costs", "Period", "Sum"]


@dataclass(slots=True, kw_only=True)
class Sum:
    """`usd` holds what has a price, `practice_usd` the part of it that the practice model answered."""

    usd: Decimal = Decimal(0)
    practice_usd: Decimal = Decimal(0)
    tokens: int = 0
    input_tokens: int = 0
    cached_tokens: int = 0
    unpriced_tokens: int = 0
    sessions: int = 0
    completed: int = 0

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


type _Line = tuple[tuple[str, ...], list[Any], list[int]]  # its groups, the sums but for the counts, the counts


class Costs:
    """Of the sessions and dreams that were created in the period and have used something."""

    def __init__(self, workspace: Workspace, period: Period, book: PriceBook) -> None:
        self._used = cost_days.used(workspace.pk, period)
        self._book = book

    def by(self, *names: str) -> dict[tuple[Any, ...], Sum]:
        """A sum for each group by these of `GROUPS`, in order; a session counts in each that it has a part in."""
        picked = [GROUPS.index(name) for name in names]
        sessions = _COUNTS["day" in names, "model" in names]
        completed = sessions + len(_COUNTS)
        sums: dict[tuple[Any, ...], list[Any]] = {}
        for group, amounts, counts in self._lines if "agent_id" in names else self._lines_of_days:
            key = tuple([group[place] for place in picked])
            more = [*amounts, counts[sessions], counts[completed]]
            known = sums.get(key)
            sums[key] = _plus(known, more) if known else more
        return {_typed(names, key): _sum(sums[key]) for key in sorted(sums)}

    def dearest(self, number: int) -> list[tuple[str, Cost]]:
        """The ids of the sessions and dreams that cost most, the dearest first; at most half of what days keep."""
        ids = [pk for pk, *_ in self._used.ranked(self._book, 2 * number)]
        found = Session.objects.filter(pk__in=ids).values_list("pk", "spent")
        costs = [(pk, cost_of(spent, self._book)) for pk, spent in found]
        return nlargest(number, costs, key=lambda entry: (entry[1].usd, entry[1].unpriced_tokens))

    @cached_property
    def _lines(self) -> list[_Line]:
        """Prices are per token and second, so a group is priced once and not each of its sessions."""
        prices: dict[tuple[str, str], tuple[Decimal, ...] | None] = {}
        lines: list[_Line] = []
        for (day, kind, agent_id, model, is_practice), numbers in self._used.rows.items():
            if (day, model) not in prices:
                prices[day, model] = unit_prices(model, date.fromisoformat(day), self._book)
            amounts = _amounts(numbers, prices[day, model], is_practice, model == RUNTIME)
            lines.append(((day, kind, agent_id, model), amounts, numbers[PRICED:]))
        return lines

    @cached_property
    def _lines_of_days(self) -> list[_Line]:
        """Without agents, of which there may be many."""
        lines: dict[tuple[str, ...], _Line] = {}
        for (day, kind, _, model), amounts, counts in self._lines:
            group = (day, kind, "", model)
            known = lines.get(group)
            lines[group] = (
                (group, _plus(known[1], amounts), _plus(known[2], counts)) if known else (group, amounts, counts)
            )
        return list(lines.values())


def _plus(numbers: list[Any], more: list[Any]) -> list[Any]:
    return [one + other for one, other in zip(numbers, more, strict=True)]


def _amounts(numbers: list[int], prices: tuple[Decimal, ...] | None, is_practice: bool, is_runtime: bool) -> list[Any]:
    """The members of a `Sum` but for its counts, in their order."""
    written, output, cache_written, cached = numbers[: len(TOKENS)]
    tokens = written + output + cache_written + cached
    usd = Decimal(0)
    if prices is not None:
        seconds = Decimal(numbers[SECONDS_AT]) / MICRO
        used: list[Any] = [*numbers[:SECONDS_AT], seconds, *numbers[SECONDS_AT + 1 : PRICED]]
        usd = sum([number * price for number, price in zip(used, prices, strict=True) if number], usd)
    read = [0, 0] if is_runtime else [tokens - output, cached]
    return [usd, usd if is_practice else Decimal(0), tokens, *read, tokens if prices is None else 0]


def _sum(values: list[Any]) -> Sum:
    return Sum(**dict(zip(Sum.__slots__, values, strict=True)))


def _typed(names: Sequence[str], key: tuple[str, ...]) -> tuple[Any, ...]:
    return tuple(date.fromisoformat(part) if name == "day" else part for name, part in zip(names, key, strict=True))
