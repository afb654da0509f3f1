"""Pictures made on the server: SVG with a title, a description and attributes only, so that the strict CSP holds."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django import template

from agents.templatetags.ui import money
from outcomes.baselines import Rate

register = template.Library()

WIDTH = 640
LABEL_WIDTH = 120
ROW_HEIGHT = 46
BAR_HEIGHT = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class DotRow:
    """One rate as a dot with its interval, in picture units."""

    label: str
    note: str
    y: int
    dot: float
    low: float
    high: float
    is_faint: bool
    is_empty: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One stacked bar: (class, y, height) pieces from the ground up."""

    x: float
    width: float
    pieces: tuple[tuple[str, float, float], ...]
    title: str


@register.inclusion_tag("outcomes/interval_dots.html")
def interval_dots(name: str, rows: Iterable[tuple[str, Rate]]) -> dict[str, Any]:
    """Rates as dots on a scale of 0 to 100 %, whiskers for the 95 % interval."""
    drawn = [_dot_row(index, label, rate) for index, (label, rate) in enumerate(rows)]
    axis = len(drawn) * ROW_HEIGHT + 8
    ticks = [(percent, _x(percent / 100)) for percent in (0, 25, 50, 75, 100)]
    words = "; ".join(f"{row.label}: {row.note}" for row in drawn)
    size = {"axis": axis, "height": axis + 24, "width": WIDTH}
    return {"name": name, "rows": drawn, "ticks": ticks, "words": words, **size}


def _dot_row(index: int, label: str, rate: Rate) -> DotRow:
    return DotRow(
        label=label,
        note=rate.sentence,
        y=index * ROW_HEIGHT + 30,
        dot=_x(rate.share),
        low=_x(rate.low),
        high=_x(rate.high),
        is_faint=rate.is_too_few,
        is_empty=rate.is_empty,
    )


def _x(share: float) -> float:
    return round(LABEL_WIDTH + share * (WIDTH - LABEL_WIDTH - 20), 1)


@register.inclusion_tag("outcomes/stacked_bars.html")
def stacked_bars(
    name: str, words: str, bars: Sequence[tuple[str, Sequence[int | Decimal]]], unit: str = ""
) -> dict[str, Any]:
    """One bar per label; the parts stack in the order given and share one scale. In the unit `usd` they are dollars."""
    highest = float(max((sum(parts) for _, parts in bars), default=0)) or 1.0
    step = WIDTH / max(1, len(bars))
    drawn = [_bar(index, step, label, parts, highest, unit) for index, (label, parts) in enumerate(bars)]
    ends = (bars[0][0], bars[-1][0]) if bars else ("", "")
    return {"name": name, "words": words, "bars": drawn, "width": WIDTH, "height": BAR_HEIGHT, "ends": ends}


def _bar(index: int, step: float, label: str, parts: Sequence[int | Decimal], highest: float, unit: str) -> Bar:
    pieces, ground = [], float(BAR_HEIGHT - 20)
    for position, number in enumerate(parts, start=1):
        size = round(float(number) / highest * (BAR_HEIGHT - 30), 1)
        ground -= size
        if number:
            pieces.append((f"bar-{position}", round(ground, 1), size))
    width = min(step * 0.72, 26)
    return Bar(
        x=round(index * step + (step - width) / 2, 1),
        width=round(width, 1),
        pieces=tuple(pieces),
        title=f"{label}: {money(Decimal(sum(parts)))}" if unit == "usd" else f"{label}: {sum(parts)}",
    )


@register.inclusion_tag("outcomes/sparkline.html")
def sparkline(name: str, words: str, values: Sequence[float]) -> dict[str, Any]:
    """A small line without axes; the words beside it carry the numbers."""
    width, height = 120, 28
    top, count = max(values, default=0) or 1, max(1, len(values) - 1)
    places = ((i * width / count, height - 2 - value / top * (height - 4)) for i, value in enumerate(values))
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    return {"name": name, "words": words, "points": points, "width": width, "height": height}
