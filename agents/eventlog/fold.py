"""PURE: events -> status, stop reason, usage and running time; the columns of a session are this fold of its log."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

TOKEN_COUNTERS = (
    "input_tokens",
    "output_tokens",
    "cache_creation_input_tokens",
    "cache_read_input_tokens",
)
_STATUS_OF = {
    "status_running": "running",
    "status_idle": "idle",
    "status_rescheduled": "rescheduling",
    "status_terminated": "terminated",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Projection:
    """What the log says of a session or of one of its threads."""

    status: str = "idle"
    stop_reason: dict[str, Any] | None = None
    usage: dict[str, int] = field(default_factory=dict)
    active_seconds: float = 0.0
    running_since: datetime | None = None
    ended_at: datetime | None = None


def step(state: Projection, type: str, payload: dict[str, Any], at: datetime, *, prefix: str) -> Projection:
    """The state after one more event. `prefix` is `session.` for the session, `session.thread_` for a thread."""
    if type == "span.model_request_end":
        return replace(state, usage=add_usage(state.usage, payload["model_usage"]))
    status = _STATUS_OF.get(type.removeprefix(prefix)) if type.startswith(prefix) else None
    if status is None:
        return state
    if status == "running":
        return replace(state, status=status, stop_reason=None, running_since=state.running_since or at)
    since = state.running_since
    return replace(
        state,
        status=status,
        stop_reason=payload.get("stop_reason"),
        active_seconds=state.active_seconds + ((at - since).total_seconds() if since else 0.0),
        running_since=None,
        ended_at=at if status in ("idle", "terminated") else state.ended_at,
    )


def fold(events: Iterable[tuple[str, dict[str, Any], datetime]], *, prefix: str = "session.") -> Projection:
    """`(type, payload, processed_at)` in log order -> the state they leave."""
    state = Projection()
    for type, payload, at in events:
        state = step(state, type, payload, at, prefix=prefix)
    return state


def add_usage(total: dict[str, int], more: dict[str, Any]) -> dict[str, int]:
    return {name: total.get(name, 0) + int(more.get(name) or 0) for name in TOKEN_COUNTERS}


def usage_shape(usage: dict[str, int], active_seconds: float) -> dict[str, Any]:
    """The wire's usage object of a session or thread; the log does not tell the two kinds of cache writes apart."""
    return {
        "input_tokens": usage.get("input_tokens", 0),
        "output_tokens": usage.get("output_tokens", 0),
        "cache_read_input_tokens": usage.get("cache_read_input_tokens", 0),
        "cache_creation": {
            "ephemeral_5m_input_tokens": usage.get("cache_creation_input_tokens", 0),
            "ephemeral_1h_input_tokens": 0,
        },
        "active_seconds": round(active_seconds, 3),
    }
