"""PURE: what comes next in a turn, decided from where it stands."""

from agents import limits
from agents.runtime.position import Position
from agents.runtime.steps import (
    Await,
    CallModel,
    Compact,
    Finish,
    Interrupt,
    Pause,
    Reopen,
    ReportDenied,
    ReportInterrupted,
    Rest,
    RunTools,
    Step,
    TakeInput,
)


def decide(
    position: Position,
    *,
    has_mail: bool,
    is_recovered: bool,
    is_interrupted: bool = False,
    is_over_budget: bool = False,
    is_full: bool = False,
) -> Step:
    """`has_mail`: a message waits in the inbox. `is_recovered`: another worker drove the thread until now, so what it
    had begun without a record of its end is in doubt. `is_interrupted`: a client asked to stop. `is_over_budget`:
    nothing more may be spent; it counts where the position wants money. `is_full`: the next request would be too long
    for the model; it counts where the position wants one."""
    if is_interrupted:
        return Interrupt()
    if position.is_paused:
        return Rest() if is_over_budget else Reopen()
    if position.awaited is not None:
        return _while_awaiting(position)
    if not position.is_open:
        return TakeInput(opens_turn=True) if has_mail else Rest()
    if position.open_request:
        return CallModel(position.open_request)
    if position.denied:
        return ReportDenied(position.denied)
    if position.ready:
        return ReportInterrupted(position.ready) if is_recovered else RunTools(position.ready)
    if position.blocked:
        return Await(position.blocked)
    if position.is_answered:
        return Finish("end_turn")
    if not position.has_input:
        return TakeInput(opens_turn=False) if has_mail else Finish("end_turn")
    if is_over_budget:
        return Pause()
    if position.requests >= limits.MODEL_REQUESTS_PER_TURN_MAX:
        return Finish("retries_exhausted", error="tool_use_limit_reached_error")
    if is_full and position.compactions >= limits.COMPACTIONS_IN_A_ROW_MAX:
        return Finish("retries_exhausted", error="compaction_limit_reached_error")
    if is_full:
        return Compact(resumes=position.is_rescheduled)
    return CallModel(None, resumes=position.is_rescheduled)


def _while_awaiting(position: Position) -> Step:
    blocked = position.blocked
    if not blocked:
        return Reopen()
    if tuple(call.event_id for call in blocked) == position.awaited:
        return Rest()
    return Await(blocked)
