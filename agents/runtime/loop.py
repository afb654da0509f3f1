"""The agent loop: decide what comes next, do it, append its events; one committed step after the other until it rests.

A worker may be killed between any two statements. What a step did outside the database is either recorded in the
transaction that follows it or was never seen by anyone; the next worker reads the log and goes on from there.
"""

import logging
from contextlib import suppress

from django.db import OperationalError

from agents import limits
from agents.exceptions import Fenced
from agents.leases import acquire, held, lease_of
from agents.models import Thread
from agents.plugs import model_client
from agents.runtime import inputs, model_requests, rests, steps, summaries, tool_calls
from agents.runtime.turn import Turn, stopping
from agents.runtime.turn_events import error

logger = logging.getLogger(__name__)

SAID = {
    "tool_use_limit_reached_error": "The turn asked for more model requests than a turn may make.",
    "compaction_limit_reached_error": "The conversation is too long for its model, however much of it is summarised.",
}


def run_thread(thread_id: str) -> None:
    """Drive a thread until it rests; returns at once when somebody else does or there is nothing to do."""
    thread = acquire(Thread, thread_id)
    if thread is not None:
        drive(thread)


def drive(thread: Thread) -> None:
    """Drive a thread whose lease was just taken."""
    with held(lease_of(thread)):
        try:
            model_client().make_ready()
            _drive(Turn(thread))
        except Fenced as fact:
            logger.warning("%s", fact)
        except OperationalError:
            # The database was busy or away, which is nobody's fault: when the lease runs out, a worker goes on here.
            logger.exception("The thread %s waits for the database.", thread.pk)
            with suppress(OperationalError):
                lease_of(thread).row().update(losses=0)
        except Exception as fault:
            logger.exception("The thread %s came to a stop.", thread.pk)
            if fresh := Thread.objects.filter(pk=thread.pk, fence=thread.fence).first():
                rests.stop_broken(Turn(fresh), f"Lucid failed on this turn: {type(fault).__name__}.")


def _drive(turn: Turn) -> None:
    losses = turn.thread.losses
    try:
        if losses < limits.STEP_LOSSES_MAX:
            _run(turn)
        else:
            rests.stop_broken(turn, f"Lucid gave up on this turn: {losses} workers were lost with the same step.")
    finally:
        turn.close()


def _run(turn: Turn) -> None:
    while not turn.is_done:
        _take(turn, turn.next_step())
        turn.is_recovered = False
        if stopping.is_set() and not turn.is_done:
            turn.hand_over()
    turn.log.remember()


def _take(turn: Turn, step: steps.Step) -> None:
    match step:
        case steps.Rest():
            rests.rest(turn)
        case steps.TakeInput(opens_turn=opens_turn):
            inputs.take_input(turn, opens_turn)
        case steps.CallModel(request=None, resumes=resumes):
            model_requests.open_request(turn, resumes)
        case steps.CallModel(request=str(request)):
            model_requests.call_model(turn, request)
        case steps.Compact(resumes=resumes):
            summaries.compact(turn, resumes)
        case steps.Reopen():
            turn.commit(turn.running())
        case steps.RunTools(calls=calls):
            tool_calls.run_tools(turn, calls)
        case steps.ReportDenied(calls=calls):
            tool_calls.report_denied(turn, calls)
        case steps.ReportInterrupted(calls=calls):
            tool_calls.report_interrupted(turn, calls)
        case steps.Await():
            rests.await_client(turn, [])
        case steps.Pause():
            rests.pause(turn)
        case steps.Interrupt():
            rests.interrupt(turn)
        case steps.Finish(stop_reason=reason, error=None):
            rests.finish(turn, [], {"type": reason})
        case steps.Finish(stop_reason=reason, error=str(kind)):
            rests.finish(turn, [error(kind, SAID[kind], "exhausted")], {"type": reason})
