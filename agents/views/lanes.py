"""PURE: the swim lanes of a session: per thread, when the model answered, when tools ran, where something failed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

MARKS_PER_LANE_MAX = 400
WIDTH, LEFT, LANE_HEIGHT, TOP = 1000, 150, 26, 8
NARROWEST = 2.0  # a bar must be seen, however short


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One bar of a lane, in picture units."""

    kind: str  # model | tool
    x: float
    width: float
    is_error: bool
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """One thread's bars."""

    name: str
    y: int
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """The whole chart; seconds is the span of its x axis."""

    lanes: tuple[Lane, ...]
    height: int
    seconds: float


@dataclass(slots=True)
class _Bars:
    open: dict[str, tuple[str, str, datetime]] = field(default_factory=dict)
    done: list[tuple[str, str, datetime, datetime, bool]] = field(default_factory=list)


Row = tuple[str, str, str, Mapping[str, Any], datetime]  # thread id, event id, type, payload, time


def draw(rows: Iterable[Row], names: Mapping[str, str]) -> Picture | None:
    """Lanes in the order of `names`; None when there is no stretch of time to draw."""
    bars: dict[str, _Bars] = {thread: _Bars() for thread in names}
    moments: list[datetime] = []
    for thread, event_id, kind, payload, at in rows:
        moments.append(at)
        _take(bars.setdefault(thread, _Bars()), event_id, kind, payload, at)
    if not moments:
        return None
    start, seconds = min(moments), (max(moments) - min(moments)).total_seconds()
    if seconds <= 0 or not any(lane.done for lane in bars.values()):
        return None
    scale = (WIDTH - LEFT - 10) / seconds
    lanes = tuple(
        Lane(name=names.get(thread, ""), y=TOP + index * LANE_HEIGHT, marks=_marks(lane, start, scale))
        for index, (thread, lane) in enumerate(bars.items())
    )
    return Picture(lanes=lanes, height=TOP + len(lanes) * LANE_HEIGHT, seconds=seconds)


def _take(bars: _Bars, event_id: str, kind: str, payload: Mapping[str, Any], at: datetime) -> None:
    if kind == "span.model_request_start":
        bars.open[event_id] = ("model", "model request", at)
    elif kind.endswith("tool_use"):
        bars.open[event_id] = ("tool", str(payload.get("name", "tool")), at)
    else:
        started = next((payload[key] for key in _ENDS if key in payload), None)
        if started in bars.open:
            look, title, since = bars.open.pop(started)
            bars.done.append((look, title, since, at, bool(payload.get("is_error"))))


_ENDS = ("model_request_start_id", "tool_use_id", "custom_tool_use_id", "mcp_tool_use_id")


def _marks(bars: _Bars, start: datetime, scale: float) -> tuple[Mark, ...]:
    step = len(bars.done) // MARKS_PER_LANE_MAX + 1
    return tuple(
        Mark(
            kind=look,
            x=round(LEFT + (since - start).total_seconds() * scale, 1),
            width=round(max(NARROWEST, (until - since).total_seconds() * scale), 1),
            is_error=failed,
            title=f"{title}, {(until - since).total_seconds():.1f} s{', failed' if failed else ''}",
        )
        for look, title, since, until, failed in bars.done[::step]
    )
