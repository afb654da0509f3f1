"""PURE: where a turn stands, read from the thread's own events since it last came to rest, and what comes next."""

from collections.abc import Sequence
from dataclasses import dataclass

from agents import limits
from agents.eventlog.wire import Logged

INPUT_TYPES = ("user.message", "agent.thread_message_received")
RESULT_TYPES = ("agent.tool_result", "user.custom_tool_result")
USE_TYPES = ("agent.tool_use", "agent.custom_tool_use")


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """`is_open`: a turn has begun and not ended. `is_rescheduled`: it waits to try a failed model request again.
    `open_request`: id of a `span.model_request_start` that has no end. `calls`: tool uses without a result.
    `is_answered`: nothing came after the model's last answer. `requests`: model requests of this turn, `failures`: how
    many of the latest ones in a row brought no answer."""

    is_open: bool = False
    is_rescheduled: bool = False
    has_input: bool = False
    open_request: str | None = None
    calls: tuple[Logged, ...] = ()
    is_answered: bool = False
    requests: int = 0
    failures: int = 0

    @property
    def wants_mail(self) -> bool:
        """Whether the next step depends on what waits in the inbox."""
        return not self.is_open or not (self.open_request or self.calls or self.has_input)


@dataclass(frozen=True, slots=True)
class Rest:
    """Nothing to do: give the lease back."""


@dataclass(frozen=True, slots=True)
class TakeInput:
    """Process the next message of the inbox; `opens_turn` when no turn is open yet."""

    opens_turn: bool


@dataclass(frozen=True, slots=True)
class CallModel:
    """Ask the model; `request` is the span that is already open, else one is to be opened."""

    request: str | None
    resumes: bool = False  # the session waited as rescheduling


@dataclass(frozen=True, slots=True)
class RunTools:
    calls: tuple[Logged, ...]


@dataclass(frozen=True, slots=True)
class ReportInterrupted:
    """These calls may have run or not: the agent is told, nothing is repeated silently."""

    calls: tuple[Logged, ...]


@dataclass(frozen=True, slots=True)
class Finish:
    """Come to rest; `error` is the session error that goes with it."""

    stop_reason: str
    error: str | None = None


type Step = Rest | TakeInput | CallModel | RunTools | ReportInterrupted | Finish


def position_of(events: Sequence[Logged]) -> Position:
    """`events`: the thread's, from its last `session.thread_status_idle` (or the beginning) on."""
    is_open = is_rescheduled = has_input = is_answered = False
    open_request: str | None = None
    calls: dict[str, Logged] = {}
    requests = failures = 0
    for event in events:
        match event.type:
            case "session.thread_status_running":
                is_open, is_rescheduled = True, False
            case "session.thread_status_rescheduled":
                is_rescheduled = True
            case "session.thread_status_idle" | "session.thread_status_terminated":
                is_open = has_input = is_answered = False
                requests = failures = 0
            case "span.model_request_start":
                open_request, requests = event.event_id, requests + 1
            case "span.model_request_end":
                open_request, is_answered = None, not event.payload.get("is_error", False)
                failures = 0 if is_answered else failures + 1
            case type if type in INPUT_TYPES:
                has_input, is_answered = True, False
            case type if type in USE_TYPES:
                calls[event.event_id] = event
            case type if type in RESULT_TYPES:
                calls.pop(event.payload.get("tool_use_id") or event.payload.get("custom_tool_use_id", ""), None)
                is_answered = False
    return Position(
        is_open=is_open,
        is_rescheduled=is_rescheduled,
        has_input=has_input,
        open_request=open_request,
        calls=tuple(calls.values()),
        is_answered=is_answered,
        requests=requests,
        failures=failures,
    )


def decide(position: Position, *, has_mail: bool, is_recovered: bool) -> Step:
    """`has_mail`: the inbox holds something. `is_recovered`: another worker drove the thread until now, so what it had
    begun without a record of its end is in doubt."""
    if not position.is_open:
        return TakeInput(opens_turn=True) if has_mail else Rest()
    if position.open_request:
        return CallModel(position.open_request)
    if position.calls:
        return ReportInterrupted(position.calls) if is_recovered else RunTools(position.calls)
    if position.is_answered:
        return Finish("end_turn")
    if not position.has_input:
        return TakeInput(opens_turn=False) if has_mail else Finish("end_turn")
    if position.requests >= limits.MODEL_REQUESTS_PER_TURN_MAX:
        return Finish("retries_exhausted", error="tool_use_limit_reached_error")
    return CallModel(None, resumes=position.is_rescheduled)
