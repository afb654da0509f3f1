"""PURE: where a turn stands, read from the thread's own events since it last came to rest."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from agents.eventlog.wire import COMPACTED, REQUEST_END, REQUEST_START, Logged

INPUT_TYPES = ("user.message", "agent.thread_message_received")
# A call's type, and the type and the member by which its result names it.
RESULT_OF = {
    "agent.tool_use": ("agent.tool_result", "tool_use_id"),
    "agent.mcp_tool_use": ("agent.mcp_tool_result", "mcp_tool_use_id"),
    "agent.custom_tool_use": ("user.custom_tool_result", "custom_tool_use_id"),
}
# How the client answers that carries out a built-in call itself: a self-hosted environment's worker.
WORKERS_RESULT = ("user.tool_result", "tool_use_id")
CALL_MEMBER = dict([*RESULT_OF.values(), WORKERS_RESULT])
PAUSES = ("requires_action", "budget_reached")  # stop reasons of a turn that will go on


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """`is_open`: a turn has begun and not come to rest. `is_paused`: it rests in the middle, because the session's
    budget is used up. `is_rescheduled`: it waits to try a failed request again.
    `awaited`: ids of the calls a client has to answer, while the turn rests for that. `open_request`: id of a
    `span.model_request_start` that has no end. `calls`: tool uses without a result; `decided`: what a client said to
    calls that asked, by id. `is_answered`: nothing came after the model's last answer. `requests`: model requests of
    this turn, `failures`: how often in a row it waited to try again. `compactions`: how often in a row the context was
    compacted without the model saying or calling anything. `elsewhere`: the names of built-in tools that a worker of
    somebody's own carries out."""

    is_open: bool = False
    is_paused: bool = False
    is_rescheduled: bool = False
    awaited: tuple[str, ...] | None = None
    has_input: bool = False
    open_request: str | None = None
    calls: tuple[Logged, ...] = ()
    decided: dict[str, Logged] = field(default_factory=dict)
    is_answered: bool = False
    requests: int = 0
    failures: int = 0
    compactions: int = 0
    elsewhere: frozenset[str] = frozenset()

    @property
    def wants_mail(self) -> bool:
        """Whether the next step depends on what waits in the inbox."""
        return not self.is_open or self.is_rescheduled or not (self.open_request or self.calls or self.has_input)

    @property
    def wants_request(self) -> bool:
        """Whether the next step is a new model request, if there is room and money for it."""
        return self.is_open and not (self.open_request or self.calls or self.is_answered or not self.has_input)

    @property
    def wants_money(self) -> bool:
        return self.is_paused or self.wants_request

    @property
    def blocked(self) -> tuple[Logged, ...]:
        """Calls that only a client can move on: custom ones, those that ask and were not decided, and a worker's."""
        return tuple(call for call in self.calls if self._is_blocked(call))

    @property
    def denied(self) -> tuple[Logged, ...]:
        return tuple(call for call in self.calls if self._said(call) == "deny")

    @property
    def ready(self) -> tuple[Logged, ...]:
        return tuple(call for call in self.calls if not self._is_blocked(call) and self._said(call) != "deny")

    def _is_blocked(self, call: Logged) -> bool:
        if call.type == "agent.custom_tool_use":
            return True
        if call.payload.get("evaluated_permission") == "ask" and call.event_id not in self.decided:
            return True
        return self.is_elsewhere(call) and self._said(call) != "deny"

    def is_elsewhere(self, call: Logged) -> bool:
        return call.type == "agent.tool_use" and call.payload.get("name") in self.elsewhere

    def _said(self, call: Logged) -> str | None:
        decision = self.decided.get(call.event_id)
        return decision.payload["result"] if decision else None


def is_rest(event: Logged) -> bool:
    """Whether a turn ended here; one that waits for a client or for money has not."""
    return event.type == "session.thread_status_idle" and _stop_reason(event) not in PAUSES


def _stop_reason(event: Logged) -> str | None:
    reason: str | None = (event.payload.get("stop_reason") or {}).get("type")
    return reason


def position_of(events: Sequence[Logged], *, elsewhere: frozenset[str] = frozenset()) -> Position:
    """`events`: the thread's, from the last end of a turn (or the beginning) on."""
    is_open = is_paused = is_rescheduled = has_input = is_answered = False
    awaited: tuple[str, ...] | None = None
    open_request: str | None = None
    calls: dict[str, Logged] = {}
    decided: dict[str, Logged] = {}
    requests = failures = compactions = 0
    for event in events:
        match event.type:
            case "session.thread_status_running":
                is_open, is_paused, is_rescheduled, awaited = True, False, False, None
            case "session.thread_status_rescheduled":
                is_rescheduled, failures = True, failures + 1
            case "session.thread_status_idle" if _stop_reason(event) == "budget_reached":
                is_open, is_paused, is_rescheduled = False, True, False
            case "session.thread_status_idle" if not is_rest(event):
                is_open, awaited = False, tuple(event.payload["stop_reason"]["event_ids"])
            case "session.thread_status_idle" | "session.thread_status_terminated":
                is_open = is_paused = has_input = is_answered = False
                requests = failures = compactions = 0
                awaited = None
                calls.clear()
            case type if type == REQUEST_START:
                open_request, requests = event.event_id, requests + 1
            case type if type == REQUEST_END:
                open_request, is_answered = None, not event.payload.get("is_error", False)
                failures = 0 if is_answered else failures
            case type if type == COMPACTED:
                compactions, failures = compactions + 1, 0
            case "agent.message":
                compactions = 0
            case "user.tool_confirmation":
                decided[event.payload["tool_use_id"]] = event
            case type if type in INPUT_TYPES:
                has_input, is_answered = True, False
            case type if type in RESULT_OF:
                calls[event.event_id] = event
                compactions = 0
            case type if type in CALL_MEMBER:
                calls.pop(event.payload[CALL_MEMBER[type]], None)
                is_answered = False
    return Position(
        is_open=is_open,
        is_paused=is_paused,
        is_rescheduled=is_rescheduled,
        awaited=awaited,
        has_input=has_input,
        open_request=open_request,
        calls=tuple(calls.values()),
        decided=decided,
        is_answered=is_answered,
        requests=requests,
        failures=failures,
        compactions=compactions,
        elsewhere=elsewhere,
    )
