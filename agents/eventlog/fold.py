"""PURE: events -> status, stop reason, usage and running time; the columns of a session are this fold of its log."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from agents.eventlog.wire import COMPACTED, PRIVATE, REQUEST_END
from agents.prices import LONG_PROMPT_TOKENS, RUNTIME

TOKEN_COUNTERS = (
    "input_tokens",
    "output_tokens",
    "cache_creation_input_tokens",
    "cache_read_input_tokens",
)
SEARCH = "web_search"
SEARCHES = {SEARCH: "web_search_requests", "web_fetch": "web_fetch_requests"}
# UTC day -> model -> counters, with `RUNTIME` in a model's place for running time and searches: what a cost is made of.
type Spent = dict[str, dict[str, dict[str, Any]]]
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
    spent: Spent = field(default_factory=dict)
    active_seconds: float = 0.0
    running_since: datetime | None = None
    ended_at: datetime | None = None


def step(
    state: Projection, type: str, payload: dict[str, Any], at: datetime, *, prefix: str, model: str = ""
) -> Projection:
    """The state after one more event. `prefix` is `session.` for the session, `session.thread_` for a thread; `model`
    is the one that the event's thread runs on."""
    if type in (REQUEST_END, COMPACTED):
        # The request for a summary has no span of its own: what it used is counted all the same.
        more = payload["model_usage"] if type != COMPACTED else (payload.get(PRIVATE) or {}).get("usage", {})
        return replace(state, usage=add_usage(state.usage, more), spent=_spent_on_tokens(state.spent, at, model, more))
    if tool := _search_in(type, payload):
        return replace(state, spent=_add(state.spent, at, RUNTIME, {SEARCHES[tool]: 1}))
    status = _STATUS_OF.get(type.removeprefix(prefix)) if type.startswith(prefix) else None
    if status is None:
        return state
    if status == "running":
        return replace(state, status=status, stop_reason=None, running_since=state.running_since or at)
    ran = max((at - state.running_since).total_seconds(), 0.0) if state.running_since else 0.0
    return replace(
        state,
        status=status,
        stop_reason=payload.get("stop_reason"),
        spent=_add(state.spent, at, RUNTIME, {"active_seconds": ran}) if ran else state.spent,
        active_seconds=state.active_seconds + ran,
        running_since=None,
        ended_at=at if status in ("idle", "terminated") else state.ended_at,
    )


def fold(
    events: Iterable[tuple[str, dict[str, Any], datetime]], *, prefix: str = "session.", model: str = ""
) -> Projection:
    """`(type, payload, processed_at)` in log order -> the state they leave; all of threads that run on `model`."""
    state = Projection()
    for type, payload, at in events:
        state = step(state, type, payload, at, prefix=prefix, model=model)
    return state


def add_usage(total: dict[str, int], more: dict[str, Any]) -> dict[str, int]:
    """The counters of tokens, added up."""
    return {name: total.get(name, 0) + int(more.get(name) or 0) for name in TOKEN_COUNTERS}


def spent_until(spent: Spent, running_since: datetime | None, now: datetime) -> Spent:
    """With the time of the turn that is under way."""
    if running_since is None or now <= running_since:
        return spent
    return _add(spent, now, RUNTIME, {"active_seconds": (now - running_since).total_seconds()})


def usage_shape(
    usage: dict[str, int],
    active_seconds: float,
    *,
    spent: Spent | None = None,
    list_cost: dict[str, str] | None = None,
) -> dict[str, Any]:
    """The wire's usage object of a session or thread; the log does not tell the two kinds of cache writes apart. What
    is not known is left out: the cost of a model without a price, searches where there were none."""
    shape: dict[str, Any] = {
        "input_tokens": usage.get("input_tokens", 0),
        "output_tokens": usage.get("output_tokens", 0),
        "cache_read_input_tokens": usage.get("cache_read_input_tokens", 0),
        "cache_creation": {
            "ephemeral_5m_input_tokens": usage.get("cache_creation_input_tokens", 0),
            "ephemeral_1h_input_tokens": 0,
        },
        "active_seconds": round(active_seconds, 3),
    }
    searches = {
        name: sum(day.get(RUNTIME, {}).get(name, 0) for day in (spent or {}).values()) for name in SEARCHES.values()
    }
    if any(searches.values()):
        shape["server_tool_use"] = searches
    if list_cost is not None:
        shape["list_cost"] = list_cost
    return shape


def _search_in(type: str, payload: dict[str, Any]) -> str | None:
    """The web tool whose call this result tells of, whoever allowed it. A search that failed is none: list prices do
    not charge it."""
    if type != "agent.tool_result" or PRIVATE not in payload:
        return None
    ran: str | None = payload[PRIVATE].get("ran")
    return None if ran == SEARCH and payload["is_error"] else ran


def _spent_on_tokens(spent: Spent, at: datetime, model: str, usage: dict[str, Any]) -> Spent:
    used = {name: int(usage.get(name) or 0) for name in TOKEN_COUNTERS}
    if not any(used.values()):
        return spent
    prompt = sum(used.values()) - used["output_tokens"]
    return _add(spent, at, model, {**used, "long": used} if prompt > LONG_PROMPT_TOKENS else used)


def _add(spent: Spent, at: datetime, model: str, more: dict[str, Any]) -> Spent:
    """A new mapping; what `spent` shares with it is not changed."""
    day = at.astimezone(UTC).date().isoformat()
    models = spent.get(day, {})
    return {**spent, day: {**models, model: _sum(models.get(model, {}), more)}}


def _sum(counters: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    added = {
        name: _sum(counters.get(name, {}), value) if isinstance(value, dict) else counters.get(name, 0) + value
        for name, value in more.items()
    }
    return {**counters, **added}
