"""How a turn comes to rest: at its end, in the middle until a client or money comes, interrupted, broken."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from agents.eventlog import statements
from agents.eventlog.append import TICK, Closing, NewEvent, lock_session
from agents.eventlog.fold import Projection, spent_until, usage_shape
from agents.eventlog.statements import INTERRUPT
from agents.fairness import others_first
from agents.leases import RELEASED
from agents.models import InboxEvent, Session
from agents.prices import cost_of, monetary_amount
from agents.runtime.position import CALL_MEMBER
from agents.runtime.steps import Rest
from agents.runtime.turn import Turn
from agents.runtime.turn_events import error, interrupted, request_end
from agents.services.budgets import REACHED, announce, is_reached
from agents.services.work_queue import queue_work


def rest(turn: Turn) -> None:
    """Give the lease back, unless something came while nobody looked."""
    with transaction.atomic():
        lock_session(turn.session_id)
        turn.log.read()
        turn.is_done = isinstance(turn.next_step(), Rest)
        if turn.is_done:
            turn.lease.check(**RELEASED, seen=F("wake"))


def finish(
    turn: Turn,
    events: list[NewEvent],
    stop_reason: dict[str, Any],
    stop_details: dict[str, Any] | None = None,
    *,
    drops_mail: bool = False,
) -> None:
    """Come to rest, and give the lease back unless a queued message begins the next turn at once, which it does where
    no other workspace should go first."""
    with transaction.atomic():
        session = lock_session(turn.session_id)
        closing = _idle(turn, session, stop_reason, stop_details)
        if turn.is_interrupted():
            events = [*events, *_interrupts(turn)]  # too late to stop anything, and still of this turn
        if drops_mail:
            InboxEvent.objects.filter(thread=turn.thread).delete()
        # Input takes the session's row lock, which this transaction holds: what is not there now comes with a
        # wake-up of its own.
        turn.is_done = not statements.some_mail.exists(turn.thread.pk)
        released = {**RELEASED, "seen": F("wake")} if turn.is_done else {}
        turn.append(events, locked=session, closing=closing, **released)
    if not turn.is_done and others_first(turn.thread):
        turn.step_aside()


def stop_broken(turn: Turn, message: str) -> None:
    """A fault of ours: the session says so and comes to rest, instead of being tried for ever."""
    with transaction.atomic():
        lock_session(turn.session_id)
        turn.log.read()  # for the same reason as below
        position = turn.position
        closing = [request_end(position.open_request, {}, is_error=True)] if position.open_request else []
        closing += [interrupted(call, turn.elsewhere) for call in position.calls]
        fault = error("unknown_error", message, "exhausted")
        finish(turn, [*closing, fault], {"type": "retries_exhausted"}, drops_mail=True)


def interrupt(turn: Turn, results: Sequence[NewEvent] = ()) -> None:
    """End the turn as a client asked: open calls are told, the open request is closed, its answer is dropped."""
    answered = {result.payload.get(CALL_MEMBER.get(result.type, "")) for result in results}
    with transaction.atomic():
        lock_session(turn.session_id)
        turn.log.read()  # a client may have answered a call in the meantime: one result is all a call may have
        position = turn.position
        open_calls = [call for call in position.calls if call.event_id not in answered]
        closing = [*results, *(interrupted(call, turn.elsewhere) for call in open_calls)]
        if position.open_request:
            closing.append(request_end(position.open_request, {}, is_error=True))
        asked = _interrupts(turn)
        if position.is_open or position.awaited is not None:
            finish(turn, [*closing, *asked], {"type": "end_turn"})
        else:
            turn.append(asked)


def _interrupts(turn: Turn) -> list[NewEvent]:
    """Those that wait, taken out of the inbox; for who holds the session's row."""
    mail = InboxEvent.objects.filter(thread=turn.thread, type=INTERRUPT).order_by("position")
    asked = [NewEvent(type=row.type, payload=row.payload, event_id=row.pk) for row in mail]
    mail.delete()
    return asked


# In the middle of a turn


def await_client(turn: Turn, events: list[NewEvent]) -> None:
    """Rest until clients have answered what only they can; they may have done so already, but never before they are
    told that it is waited for: a call and the rest that names it are one commit."""
    with transaction.atomic():
        session = lock_session(turn.session_id)
        if events:
            turn.append(events, locked=session)
        else:
            turn.log.read()
        position = turn.position
        blocked = [call.event_id for call in position.blocked]
        if not blocked:
            return
        if turn.is_interrupted():
            # It came while the model answered: with `seen` written below, nobody would look at it again.
            interrupt(turn)
            return
        if any(position.is_elsewhere(call) for call in position.blocked):
            queue_work(session)
        _come_to_rest(turn, session, {"type": "requires_action", "event_ids": blocked})


def pause(turn: Turn) -> None:
    """Rest before the next model request until the budget is raised or removed; it may have been just now."""
    with transaction.atomic():
        session = lock_session(turn.session_id)
        if turn.is_interrupted():
            interrupt(turn)
            return
        if not is_reached(session, turn.prices):
            return
        announce(session)
        _come_to_rest(turn, session, {"type": REACHED})


def reschedule(turn: Turn, events: list[NewEvent], delay: float) -> None:
    """Wait without holding a slot: the sweeper wakes the thread when the delay is over."""
    waiting = [NewEvent(type="session.status_rescheduled"), turn.thread_status("rescheduled")]
    wake_at = timezone.now() + timedelta(seconds=delay)
    with transaction.atomic():
        session = lock_session(turn.session_id)
        if turn.is_interrupted():
            # It came while the request failed: behind `wake_at` nobody would look at it until the delay is over.
            interrupt(turn)
            return
        turn.append([*events, *waiting], locked=session, **RELEASED, wake_at=wake_at)
    turn.is_done = True


def _come_to_rest(turn: Turn, session: Session, stop_reason: dict[str, Any]) -> None:
    """With everything taken in that there is."""
    turn.is_done = True
    turn.append([], locked=session, closing=_idle(turn, session, stop_reason), **RELEASED, seen=F("wake"))


# The three events that end every turn


def _idle(
    turn: Turn, session: Session, stop_reason: dict[str, Any], stop_details: dict[str, Any] | None = None
) -> Closing:
    return partial(_idle_events, turn, session, {"stop_reason": stop_reason, "stop_details": stop_details})


def _idle_events(
    turn: Turn, session: Session, reason: dict[str, Any], state: Projection, now: datetime
) -> list[NewEvent]:
    # Up to the last of them: what a client reads of the session afterwards is the same to the millisecond.
    usage = _usage(turn, session, state, now + 2 * TICK)
    return [
        turn.thread_status("idle", **reason),
        NewEvent(type="session.usage", payload=usage),
        NewEvent(type="session.status_idle", payload=reason),
    ]


def _usage(turn: Turn, session: Session, state: Projection, now: datetime) -> dict[str, Any]:
    """What the session has used and cost until now, and its budget where it has one."""
    active = state.active_seconds + ((now - state.running_since).total_seconds() if state.running_since else 0.0)
    cost = cost_of(spent_until(state.spent, state.running_since, now), turn.prices)
    list_cost = monetary_amount(cost.known_usd)
    usage = usage_shape(state.usage, active, spent=state.spent, list_cost=list_cost)
    return {"usage": usage, "budget": session.budget} if session.budget else {"usage": usage}
