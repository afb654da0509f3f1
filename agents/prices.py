"""PURE: what usage costs: by a workspace's own prices, else by the built-in list of public ones.

A model that no price is known for is unpriced, never free.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from hashlib import sha256
from typing import Any

from agents.price_list import LISTED, Price, Rates

MILLION = Decimal(1_000_000)
HOUR_SECONDS = Decimal(3600)
RUNTIME_USD_PER_HOUR = Decimal("0.08")
WEB_SEARCH_USD = Decimal("0.01")  # 10 USD per 1,000 searches
CURRENCY = "USD"
# Where a model's price depends on the length of the prompt, this is the boundary: cache reads and writes included.
LONG_PROMPT_TOKENS = 100_000
COUNTERS = ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
RUNTIME = ""  # in the place of a model's id: the session's own running time and its searches


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One day's usage of one model, or its running time and searches; `usd` is None when the model is unpriced."""

    day: date
    model: str
    tokens: int
    usd: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """A sum; `unpriced` counts the tokens, by model, that no price is known for and that `usd` therefore lacks."""

    usd: Decimal = Decimal(0)
    unpriced: Mapping[str, int] = field(default_factory=dict)

    @property
    def is_known(self) -> bool:
        return not self.unpriced

    @property
    def unpriced_tokens(self) -> int:
        return sum(self.unpriced.values())

    @property
    def known_usd(self) -> Decimal | None:
        """The sum, or None when part of it is missing."""
        return self.usd if self.is_known else None


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceBook:
    """The prices of one workspace: its own by model, the oldest first, and the runtime price with what it was before,
    as `(last day that is not included, price)`, the oldest first."""

    own: Mapping[str, tuple[Price, ...]] = field(default_factory=dict)
    runtime: Decimal = RUNTIME_USD_PER_HOUR
    runtime_before: tuple[tuple[date, Decimal], ...] = ()

    def price_of(self, model: str, day: date) -> Price | None:
        """Own prices count from their day on; a built-in one also before it, because the table has no older one."""
        own = [price for price in self.own.get(model, ()) if price.valid_from <= day]
        if own:
            return own[-1]
        listed = LISTED.get(model, [])
        valid = [price for price in listed if price.valid_from <= day] or listed[:1]
        return valid[-1] if valid else None

    @property
    def edition(self) -> str:
        """Another one for other prices; it begins with that of the built-in table."""
        return f"{BUILT_IN_EDITION}:{_digest(sorted(self.own.items()), self.runtime, self.runtime_before)}"

    def runtime_on(self, day: date) -> Decimal:
        return next((price for until, price in self.runtime_before if day < until), self.runtime)


def lines_of(spent: Mapping[str, Mapping[str, Any]], book: PriceBook, *, with_runtime: bool = True) -> list[Line]:
    """`spent` as sessions and threads keep it: day -> model -> counters, with `""` for running time and searches."""
    lines = []
    for written, models in spent.items():
        day = date.fromisoformat(written)
        for model, counters in models.items():
            if model == RUNTIME:
                usd: Decimal | None = _searches(counters)
                if with_runtime:
                    usd = _searches(counters) + _hours(counters) * book.runtime_on(day)
            else:
                price = book.price_of(model, day)
                usd = tokens_cost(counters, price) if price else None
            lines.append(Line(day=day, model=model, tokens=token_count(counters), usd=usd))
    return lines


def total(lines: Iterable[Line]) -> Cost:
    """The sum of lines, and what it lacks."""
    usd = Decimal(0)
    unpriced: dict[str, int] = {}
    for line in lines:
        if line.usd is None and line.tokens:
            unpriced[line.model] = unpriced.get(line.model, 0) + line.tokens
        usd += line.usd or 0
    return Cost(usd=usd, unpriced=unpriced)


def cost_of(spent: Mapping[str, Mapping[str, Any]], book: PriceBook, *, with_runtime: bool = True) -> Cost:
    """What all that was spent costs; see `lines_of`."""
    return total(lines_of(spent, book, with_runtime=with_runtime))


def tokens_cost(counters: Mapping[str, Any], price: Price) -> Decimal:
    """What these tokens cost; `long` among the counters is the part that came with long prompts."""
    if not price.long:
        return _at(counters, price.rates)
    part = counters.get("long") or {}
    return _at(counters, price.rates) - _at(part, price.rates) + _at(part, price.long)


def unit_prices(model: str, day: date, book: PriceBook) -> tuple[Decimal, ...] | None:
    """What one token of each of the four kinds costs, one search and one second of running time, and how much more one
    token of each kind with a long prompt; None where the model has no price."""
    if model == RUNTIME:
        return (*_FREE, WEB_SEARCH_USD, book.runtime_on(day) / HOUR_SECONDS, *_FREE)
    price = book.price_of(model, day)
    return _unit_prices(price) if price else None


@lru_cache(1_000)
def _unit_prices(price: Price) -> tuple[Decimal, ...]:
    usual, long = [
        [rate / MILLION for rate in (rates.input, rates.output, rates.cache_write_5m, rates.cache_read)]
        for rates in (price.rates, price.long or price.rates)
    ]
    return (*usual, Decimal(0), Decimal(0), *(more - rate for more, rate in zip(long, usual, strict=True)))


def token_count(counters: Mapping[str, Any]) -> int:
    """Tokens of every kind together."""
    return sum([counters.get(name) or 0 for name in COUNTERS])


def cents(usd: Decimal) -> str:
    """A whole number of cents, to the nearest one, as the wire writes amounts."""
    return str((usd * 100).quantize(Decimal(1), ROUND_HALF_UP))


def monetary_amount(usd: Decimal | None) -> dict[str, str] | None:
    """The wire's object; None when the sum is not known."""
    return None if usd is None else {"amount": cents(usd), "currency": CURRENCY}


def _at(counters: Mapping[str, Any], rates: Rates) -> Decimal:
    """The log does not tell the two kinds of cache writes apart; requests ask for the short one, their default."""
    of = {name: Decimal(int(counters.get(name) or 0)) for name in COUNTERS}
    return (
        of["input_tokens"] * rates.input
        + of["output_tokens"] * rates.output
        + of["cache_read_input_tokens"] * rates.cache_read
        + of["cache_creation_input_tokens"] * rates.cache_write_5m
    ) / MILLION


def _searches(counters: Mapping[str, Any]) -> Decimal:
    return int(counters.get("web_search_requests") or 0) * WEB_SEARCH_USD


def _hours(counters: Mapping[str, Any]) -> Decimal:
    return Decimal(str(counters.get("active_seconds") or 0)) / HOUR_SECONDS


def _digest(*values: Any) -> str:
    return sha256(repr(values).encode()).hexdigest()[:24]


_FREE = (Decimal(0),) * 4
BUILT_IN_EDITION = _digest(sorted(LISTED.items()), WEB_SEARCH_USD)
