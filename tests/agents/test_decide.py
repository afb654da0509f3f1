"""Where a turn stands and what comes next, read from events alone."""

from types import SimpleNamespace

import pytest

from agents import limits
from agents.runtime import steps
from agents.runtime.decide import decide
from agents.runtime.position import position_of


def event(type, event_id="", **payload):
    return SimpleNamespace(type=type, event_id=event_id or type, payload=payload)


RUNNING = event("session.thread_status_running")
MESSAGE = event("user.message")
START = event("span.model_request_start", "start")
END = event("span.model_request_end")
FAILED = event("span.model_request_end", is_error=True)
USE = event("agent.tool_use", "use")
RESULT = event("agent.tool_result", tool_use_id="use")
IDLE = event("session.thread_status_idle")
WAITING = event("session.thread_status_rescheduled")


@pytest.mark.parametrize(
    ("events", "has_mail", "step"),
    [
        ([], False, steps.Rest()),
        ([], True, steps.TakeInput(opens_turn=True)),
        ([RUNNING, MESSAGE, START, END, IDLE], True, steps.TakeInput(opens_turn=True)),
        ([RUNNING], True, steps.TakeInput(opens_turn=False)),
        ([RUNNING], False, steps.Finish("end_turn")),
        ([RUNNING, MESSAGE], False, steps.CallModel(None)),
        ([RUNNING, MESSAGE, START], True, steps.CallModel("start")),
        ([RUNNING, MESSAGE, START, USE, END], True, steps.RunTools((USE,))),
        ([RUNNING, MESSAGE, START, USE, END, RESULT], True, steps.CallModel(None)),
        ([RUNNING, MESSAGE, START, END], False, steps.Finish("end_turn")),
        ([RUNNING, MESSAGE, START, FAILED, WAITING], False, steps.CallModel(None, resumes=True)),
    ],
)
def test_the_next_step_follows_from_the_log(events, has_mail, step):
    assert decide(position_of(events), has_mail=has_mail, is_recovered=False) == step


def test_calls_begun_by_a_lost_worker_are_reported_and_not_repeated():
    position = position_of([RUNNING, MESSAGE, START, USE, END])
    assert decide(position, has_mail=False, is_recovered=True) == steps.ReportInterrupted((USE,))


def test_a_turn_without_end_is_stopped():
    rounds = [START, USE, END, RESULT] * limits.MODEL_REQUESTS_PER_TURN_MAX
    step = decide(position_of([RUNNING, MESSAGE, *rounds]), has_mail=False, is_recovered=False)
    assert step == steps.Finish("retries_exhausted", error="tool_use_limit_reached_error")


def test_failures_in_a_row_are_counted_until_an_answer():
    waited = [START, FAILED, WAITING, RUNNING]
    assert position_of([RUNNING, MESSAGE, *waited, *waited, START]).failures == 2
    assert position_of([RUNNING, MESSAGE, START, FAILED, WAITING, RUNNING, START, END]).failures == 0


def test_every_position_leads_somewhere():
    kinds = [RUNNING, MESSAGE, START, END, FAILED, USE, RESULT, IDLE, WAITING]
    for first in kinds:
        for second in kinds:
            for third in kinds:
                assert decide(position_of([first, second, third]), has_mail=False, is_recovered=True)


PAUSED = event("session.thread_status_idle", stop_reason={"type": "budget_reached"})


@pytest.mark.parametrize(
    ("events", "step"),
    [
        ([RUNNING, MESSAGE], steps.Pause()),
        ([RUNNING, MESSAGE, START, USE, END, RESULT], steps.Pause()),
        ([RUNNING, MESSAGE, START, FAILED, WAITING], steps.Pause()),
        ([RUNNING, MESSAGE, PAUSED], steps.Rest()),
        ([RUNNING, MESSAGE, START], steps.CallModel("start")),  # it was begun while there was money
        ([RUNNING, MESSAGE, START, USE, END], steps.RunTools((USE,))),
        ([RUNNING, MESSAGE, START, END], steps.Finish("end_turn")),
    ],
)
def test_without_money_no_new_request_begins_and_the_rest_goes_on(events, step):
    assert decide(position_of(events), has_mail=True, is_recovered=False, is_over_budget=True) == step


def test_with_money_again_a_paused_turn_goes_on_where_it_was():
    paused = [RUNNING, MESSAGE, START, USE, END, RESULT, PAUSED]
    assert decide(position_of(paused), has_mail=True, is_recovered=False) == steps.Reopen()
    assert decide(position_of([*paused, RUNNING]), has_mail=True, is_recovered=False) == steps.CallModel(None)
    assert position_of([*paused, RUNNING, START, END, IDLE, PAUSED]).is_paused


def test_only_a_position_before_a_request_wants_money():
    for events in (
        [],
        [RUNNING],
        [RUNNING, MESSAGE, START],
        [RUNNING, MESSAGE, START, USE, END],
        [RUNNING, MESSAGE, START, END],
    ):
        assert not position_of(events).wants_money
    assert position_of([RUNNING, MESSAGE]).wants_money
    assert position_of([RUNNING, MESSAGE, PAUSED]).wants_money


ALLOWED = event("agent.tool_use", "use", name="bash", evaluated_permission="allow")
ASKING = event("agent.tool_use", "use", name="bash", evaluated_permission="ask")
BROUGHT = event("user.tool_result", tool_use_id="use")
AWAITING = event("session.thread_status_idle", stop_reason={"type": "requires_action", "event_ids": ["use"]})
YES = event("user.tool_confirmation", tool_use_id="use", result="allow")
NO = event("user.tool_confirmation", tool_use_id="use", result="deny")


@pytest.mark.parametrize(
    ("events", "is_recovered", "step"),
    [
        ([ALLOWED, END], False, steps.Await((ALLOWED,))),
        ([ALLOWED, END], True, steps.Await((ALLOWED,))),
        ([ALLOWED, END, AWAITING], False, steps.Rest()),
        ([ALLOWED, END, AWAITING, BROUGHT], False, steps.Reopen()),
        ([ALLOWED, END, AWAITING, BROUGHT, RUNNING], False, steps.CallModel(None)),
        ([ASKING, END, AWAITING, YES], False, steps.Rest()),
        ([ASKING, END, AWAITING, NO], False, steps.Reopen()),
        ([ASKING, END, AWAITING, NO, RUNNING], False, steps.ReportDenied((ASKING,))),
    ],
)
def test_a_workers_call_waits_for_its_result_and_nothing_else(events, is_recovered, step):
    position = position_of([RUNNING, MESSAGE, START, *events], elsewhere=frozenset({"bash"}))
    assert decide(position, has_mail=True, is_recovered=is_recovered) == step
