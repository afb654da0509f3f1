"""PURE: the steps of which a turn is made; `decide` says which is next, `loop` has it done."""

from dataclasses import dataclass

from agents.eventlog.wire import Logged


@dataclass(frozen=True, slots=True)
class Rest:
    """Nothing to do: give the lease back."""


@dataclass(frozen=True, slots=True)
class TakeInput:
    """Process the next message of the inbox; `opens_turn` when no turn is open yet."""

    opens_turn: bool


@dataclass(frozen=True, slots=True)
class Reopen:
    """What the turn rested for has come: go on with it."""


@dataclass(frozen=True, slots=True)
class CallModel:
    """Ask the model; `request` is the span that is already open, else one is to be opened."""

    request: str | None
    resumes: bool = False  # the session waited as rescheduling


@dataclass(frozen=True, slots=True)
class Compact:
    """Have the beginning of the conversation summarised: the next request would be too long."""

    resumes: bool = False


@dataclass(frozen=True, slots=True)
class RunTools:
    """Carry out these calls, which nobody has to allow any more."""

    calls: tuple[Logged, ...]


@dataclass(frozen=True, slots=True)
class ReportDenied:
    """A client said no to these calls; the agent is told."""

    calls: tuple[Logged, ...]


@dataclass(frozen=True, slots=True)
class ReportInterrupted:
    """These calls may have run or not: the agent is told, nothing is repeated silently."""

    calls: tuple[Logged, ...]


@dataclass(frozen=True, slots=True)
class Await:
    """Come to rest until a client answers these calls."""

    calls: tuple[Logged, ...]


@dataclass(frozen=True, slots=True)
class Pause:
    """Come to rest before the next model request: the session's budget is used up."""


@dataclass(frozen=True, slots=True)
class Interrupt:
    """A client wants the turn to end now."""


@dataclass(frozen=True, slots=True)
class Finish:
    """Come to rest; `error` is the session error that goes with it."""

    stop_reason: str
    error: str | None = None


type Step = (
    Rest
    | TakeInput
    | Reopen
    | CallModel
    | Compact
    | RunTools
    | ReportDenied
    | ReportInterrupted
    | Await
    | Pause
    | Interrupt
    | Finish
)
