"""PURE: what usage costs at public list prices: the built-in table, a workspace's own prices before it, and the sums.

Built-in prices say where and when they were read. A model that no price is known for is unpriced, never free.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

MILLION = Decimal(1_000_000)
HOUR_SECONDS = Decimal(3600)
RUNTIME_USD_PER_HOUR = Decimal("0.08")
WEB_SEARCH_USD = Decimal("0.01")  # 10 USD per 1,000 searches
CURRENCY = "USD"
PRACTICE_MODEL = "practice"  # what the demo's agents run on
# Where a model's price depends on the length of the prompt, this is the boundary: cache reads and writes included.
LONG_PROMPT_TOKENS = 100_000
RUNTIME = ""  # in the place of a model's id: the session's own running time and its searches


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """USD per million tokens."""

    input: Decimal
    output: Decimal
    cache_read: Decimal
    cache_write_5m: Decimal
    cache_write_1h: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """A model's rates from a day on. `long` are those of requests with a long prompt, where they differ."""

    model: str
    valid_from: date
    rates: Rates
    long: Rates | None = None
    source: str = ""
    read_on: date | None = None


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
        listed = _TABLE.get(model, [])
        valid = [price for price in listed if price.valid_from <= day] or listed[:1]
        return valid[-1] if valid else None

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
    usd = Decimal(0)
    unpriced: dict[str, int] = {}
    for line in lines:
        if line.usd is None and line.tokens:
            unpriced[line.model] = unpriced.get(line.model, 0) + line.tokens
        usd += line.usd or 0
    return Cost(usd=usd, unpriced=unpriced)


def cost_of(spent: Mapping[str, Mapping[str, Any]], book: PriceBook, *, with_runtime: bool = True) -> Cost:
    return total(lines_of(spent, book, with_runtime=with_runtime))


def tokens_cost(counters: Mapping[str, Any], price: Price) -> Decimal:
    """What these tokens cost; `long` among the counters is the part that came with long prompts."""
    if not price.long:
        return _at(counters, price.rates)
    part = counters.get("long") or {}
    return _at(counters, price.rates) - _at(part, price.rates) + _at(part, price.long)


def token_count(counters: Mapping[str, Any]) -> int:
    return sum([counters.get(name) or 0 for name in _COUNTERS])


def cents(usd: Decimal) -> str:
    """A whole number of cents, to the nearest one, as the wire writes amounts."""
    return str((usd * 100).quantize(Decimal(1), ROUND_HALF_UP))


def monetary_amount(usd: Decimal | None) -> dict[str, str] | None:
    """The wire's object; None when the sum is not known."""
    return None if usd is None else {"amount": cents(usd), "currency": CURRENCY}


def _at(counters: Mapping[str, Any], rates: Rates) -> Decimal:
    """The log does not tell the two kinds of cache writes apart; requests ask for the short one, their default."""
    of = {name: Decimal(int(counters.get(name) or 0)) for name in _COUNTERS}
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


_COUNTERS = ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")


def _rates(input: str, output: str, cache_read: str, write_5m: str, write_1h: str) -> Rates:
    return Rates(
        input=Decimal(input),
        output=Decimal(output),
        cache_read=Decimal(cache_read),
        cache_write_5m=Decimal(write_5m),
        cache_write_1h=Decimal(write_1h),
    )


_PAGE = "Anthropic's pricing page"
_MODEL_PAGE = "Anthropic's page of the model"
_RECHECKED = "Anthropic's pricing page, as two cost trackers copied it"
_RESELLER = "Anthropic's list price, as a reseller stated it; the 1-hour cache write is 2 × input, as for every model"
_ANNOUNCED = "Anthropic's announcement, as articles quoted it; cache at the usual 0.1, 1.25 and 2 × input"
_OURS = "Lucid's own stand-in, which runs on this machine and costs nothing"
_SEPTEMBER, _OCTOBER = date(2026, 9, 1), date(2026, 10, 24)
_OPUS = _rates("5", "25", "0.50", "6.25", "10")
_SONNET_4 = _rates("3", "15", "0.30", "3.75", "6")
_HAIKU_4 = _rates("1", "5", "0.10", "1.25", "2")
_FABLE_5 = _rates("10", "50", "1", "12.50", "20")
_FABLE_5_1 = _rates("10", "50", "0.25", "12.50", "20")


def _listed(
    model: str, rates: Rates, source: str, read_on: date, *, since: date | None = None, long: Rates | None = None
) -> Price:
    """`since` where the price is known to have been another one before."""
    return Price(model=model, valid_from=since or read_on, rates=rates, long=long, source=source, read_on=read_on)


# Model ids whose list price no source at hand states are left out on purpose: `claude-mythos-5-2`.
BUILT_IN: tuple[Price, ...] = (
    _listed("claude-fable-5-2", _rates("8", "40", "0.20", "10", "16"), _RESELLER, date(2026, 11, 10)),
    _listed("claude-fable-5-1", _FABLE_5_1, _PAGE, _SEPTEMBER),
    _listed("claude-fable-5", _FABLE_5, _PAGE, _SEPTEMBER),
    _listed("claude-mythos-5-1", _FABLE_5_1, _PAGE, _SEPTEMBER),
    _listed("claude-mythos-5", _FABLE_5, _PAGE, _SEPTEMBER),
    _listed(
        "claude-mythos-preview",
        _rates("25", "125", "2.50", "31.25", "50"),
        _ANNOUNCED,
        date(2026, 4, 7),
    ),
    _listed("claude-opus-5-5", _rates("4", "20", "0.20", "5", "8"), _MODEL_PAGE, date(2026, 9, 22)),
    _listed("claude-opus-5", _OPUS, _PAGE, _SEPTEMBER),
    _listed("claude-opus-4-8", _OPUS, _PAGE, _SEPTEMBER),
    _listed("claude-opus-4-7", _OPUS, _PAGE, _SEPTEMBER),
    _listed("claude-opus-4-6", _OPUS, _PAGE, _SEPTEMBER),
    _listed("claude-opus-4-5", _OPUS, _PAGE, _SEPTEMBER),
    _listed("claude-opus-4-5-20251101", _OPUS, _PAGE, _SEPTEMBER),
    _listed("claude-sonnet-5-5", _rates("2", "10", "0.20", "2.50", "4"), _MODEL_PAGE, date(2026, 9, 28)),
    _listed("claude-sonnet-5-5", _rates("2", "10", "0.10", "2.50", "4"), _RECHECKED, _OCTOBER, since=date(2026, 10, 7)),
    _listed("claude-sonnet-5", _rates("2", "10", "0.20", "2.50", "4"), _MODEL_PAGE, _SEPTEMBER),
    _listed("claude-sonnet-4-6", _SONNET_4, _PAGE, _SEPTEMBER),
    _listed("claude-sonnet-4-5", _SONNET_4, _PAGE, _SEPTEMBER),
    _listed("claude-sonnet-4-5-20250929", _SONNET_4, _PAGE, _SEPTEMBER),
    _listed(
        "claude-haiku-5-5",
        _rates("0.10", "0.50", "0.01", "0.125", "0.20"),
        _RECHECKED,
        _OCTOBER,
        long=_rates("0.50", "2.50", "0.05", "0.625", "1"),
    ),
    _listed("claude-haiku-4-5", _HAIKU_4, _PAGE, _SEPTEMBER),
    _listed("claude-haiku-4-5-20251001", _HAIKU_4, _PAGE, _SEPTEMBER),
    _listed(PRACTICE_MODEL, _rates("0", "0", "0", "0", "0"), _OURS, _OCTOBER),
)
_TABLE: dict[str, list[Price]] = {}
for _price in BUILT_IN:
    _TABLE.setdefault(_price.model, []).append(_price)
