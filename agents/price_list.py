"""PURE: the public list prices of models that are built in, each with where and when it was read."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

PRACTICE_MODEL = "practice"  # what the demo's agents run on


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
LISTED: dict[str, list[Price]] = {}  # the same by model, the oldest first
for _price in BUILT_IN:
    LISTED.setdefault(_price.model, []).append(_price)
