"""What a turn waits for: custom tools, confirmations, and a client that interrupts."""

import json
import threading

import pytest
from django.db import connections

from agents import jobs
from agents.exceptions import InvalidRequest
from agents.runtime.prompt import INTERRUPTED
from agents.services.agents import create_agent
from agents.services.sessions import send_events
from tests.stack import wait_for

pytestmark = pytest.mark.django_db(transaction=True)

TOOLSET = "agent_toolset_20260401"
CUSTOM = {
    "type": "custom",
    "name": "find_order",
    "description": "Finds an order.",
    "input_schema": {"type": "object", "properties": {"order": {"type": "string"}}},
}
IDLE = ["session.thread_status_idle", "session.usage", "session.status_idle"]
RUNNING = ["session.status_running", "session.thread_status_running"]


@pytest.fixture
def session_with(practice, sandbox_host, clean_redis, actor, make_session):
    def make(*tools):
        agent = create_agent({"name": "Asker", "model": "practice-1", "tools": list(tools)}, actor=actor)
        return make_session(agent=agent.pk)

    return make


@pytest.fixture
def run(actor):
    """Send events, let a worker drive the session, and return what was logged since."""

    def send_and_run(session, *events):
        seen = session.events.count()
        sent = send_events(session, list(events), actor=actor) if events else []
        jobs.run_thread(session.threads.get().pk)
        session.refresh_from_db()
        return sent, list(session.events.in_order())[seen:]

    return send_and_run


def asks(name):
    return {"type": TOOLSET, "configs": [{"name": name, "permission_policy": {"type": "always_ask"}}]}


def message(*steps):
    text = f"practice: {json.dumps({'steps': steps})}"
    return {"type": "user.message", "content": [{"type": "text", "text": text}]}


def result(call, words):
    content = [{"type": "text", "text": words}]
    return {"type": "user.custom_tool_result", "custom_tool_use_id": call.event_id, "content": content}


def confirmation(call, verdict, **more):
    return {"type": "user.tool_confirmation", "tool_use_id": call.event_id, "result": verdict, **more}


def types(events):
    return [event.type for event in events]


def only(events, type):
    (found,) = [event for event in events if event.type == type]
    return found


def bash(command):
    return {"tool": "bash", "input": {"command": command}}


FIND = {"tool": "find_order", "input": {"order": "A1"}}


def test_a_custom_tool_is_left_to_the_client_and_its_result_goes_on(session_with, run):
    session = session_with(CUSTOM)
    _, events = run(session, message(FIND, {"text": "found"}))
    assert types(events)[-5:] == ["agent.custom_tool_use", "span.model_request_end", *IDLE]
    call = only(events, "agent.custom_tool_use")
    assert session.stop_reason == {"type": "requires_action", "event_ids": [call.event_id]}
    sent, events = run(session, result(call, "in Berlin"))
    assert sent[0]["processed_at"] is not None
    assert types(events) == [
        "user.custom_tool_result",
        *RUNNING,
        "span.model_request_start",
        "agent.message",
        "span.model_request_end",
        *IDLE,
    ]
    assert session.stop_reason == {"type": "end_turn"}


def test_a_second_result_for_one_call_is_accepted_and_ignored(session_with, run):
    session = session_with(CUSTOM)
    _, events = run(session, message(FIND, {"text": "found"}))
    call = only(events, "agent.custom_tool_use")
    first, _ = run(session, result(call, "one"))
    again, events = run(session, result(call, "two"))
    assert (again, events) == (first, [])


def test_a_call_that_asks_runs_when_it_is_allowed(session_with, run):
    session = session_with(asks("bash"))
    _, events = run(session, message(bash("echo yes"), {"text": "done"}))
    call = only(events, "agent.tool_use")
    assert call.payload["evaluation"] == {"type": "always_ask"}
    assert "agent.tool_result" not in types(events)
    _, events = run(session, confirmation(call, "allow"))
    assert types(events)[:5] == ["user.tool_confirmation", *RUNNING, "agent.tool_result", "span.model_request_start"]
    assert only(events, "agent.tool_result").payload["content"][0]["text"] == "yes"
    assert session.stop_reason == {"type": "end_turn"}


def test_a_call_that_is_denied_never_runs_and_the_agent_hears_why(session_with, run):
    session = session_with(asks("bash"))
    _, events = run(session, message(bash("echo no"), {"text": "done"}))
    call = only(events, "agent.tool_use")
    _, events = run(session, confirmation(call, "deny", deny_message="not today"))
    told = only(events, "agent.tool_result").payload
    assert told["is_error"] is True
    assert "not today" in told["content"][0]["text"]
    assert session.stop_reason == {"type": "end_turn"}


def test_what_is_left_to_decide_is_named_again(session_with, run):
    session = session_with(asks("bash"))
    _, events = run(session, message({"tools": [bash("echo 1"), bash("echo 2")]}, {"text": "done"}))
    first, second = [event for event in events if event.type == "agent.tool_use"]
    _, events = run(session, confirmation(first, "allow"))
    assert types(events) == ["user.tool_confirmation", *IDLE]
    assert session.stop_reason == {"type": "requires_action", "event_ids": [second.event_id]}
    _, events = run(session, confirmation(second, "allow"))
    texts = [event.payload["content"][0]["text"] for event in events if event.type == "agent.tool_result"]
    assert texts == ["1", "2"]


def test_calls_that_are_allowed_run_at_once_beside_one_that_asks(session_with, run):
    session = session_with(asks("write"))
    wish = {"tool": "write", "input": {"file_path": "a.txt", "content": "x"}}
    _, events = run(session, message({"tools": [bash("echo now"), wish]}, {"text": "done"}))
    assert only(events, "agent.tool_result").payload["content"][0]["text"] == "now"
    assert session.stop_reason["type"] == "requires_action"


def test_a_message_sent_while_a_call_waits_is_answered_after_it(session_with, run):
    session = session_with(CUSTOM)
    _, events = run(session, message(FIND, {"text": "found"}))
    call = only(events, "agent.custom_tool_use")
    _, events = run(session, message({"text": "later"}))
    assert events == []
    _, events = run(session, result(call, "here"))
    answers = [event.payload["content"][0]["text"] for event in events if event.type == "agent.message"]
    assert answers == ["found", "later"]


@pytest.mark.parametrize(
    "event",
    [
        {"type": "user.custom_tool_result", "custom_tool_use_id": "sevt_nothing", "content": []},
        {"type": "user.tool_confirmation", "tool_use_id": "sevt_nothing", "result": "allow"},
    ],
)
def test_an_answer_to_no_call_is_refused(session_with, actor, event):
    with pytest.raises(InvalidRequest, match="sevt_nothing"):
        send_events(session_with(CUSTOM), [event], actor=actor)


def test_an_interrupt_closes_what_waits_and_ends_the_turn(session_with, run):
    session = session_with(CUSTOM)
    run(session, message(FIND, {"text": "found"}))
    _, events = run(session, {"type": "user.interrupt"})
    assert types(events) == ["user.custom_tool_result", "user.interrupt", *IDLE]
    assert session.stop_reason == {"type": "end_turn"}


def test_an_interrupt_of_an_idle_session_changes_nothing(session_with, run):
    session = session_with(CUSTOM)
    _, events = run(session, {"type": "user.interrupt"})
    assert types(events) == ["user.interrupt"]
    assert session.status == "idle"


@pytest.mark.parametrize(
    ("step", "awaited"),
    [
        (bash("echo begun; sleep 60"), "agent.tool_use"),
        ({"text": "late", "delay_ms": 8000}, "span.model_request_start"),
    ],
)
def test_an_interrupt_stops_what_runs_at_once(session_with, actor, step, awaited):
    session = session_with({"type": TOOLSET})
    send_events(session, [message(step, {"text": "never"})], actor=actor)
    worker = threading.Thread(target=run_in_thread, args=(session.threads.get().pk,))
    worker.start()
    wait_for(lambda: session.events.filter(type=awaited).first(), 20)
    send_events(session, [{"type": "user.interrupt"}, message({"text": "next"})], actor=actor)
    worker.join(20)
    events = list(session.events.in_order())
    assert types(events).count("session.status_idle") == 2
    assert [event.payload["content"][0]["text"] for event in events if event.type == "agent.message"] == ["next"]
    if awaited == "agent.tool_use":
        assert only(events, "agent.tool_result").payload["content"][0]["text"] == INTERRUPTED


def run_in_thread(thread_id):
    try:
        jobs.run_thread(thread_id)
    finally:
        connections.close_all()


def test_an_interrupt_ends_a_turn_that_waits_to_ask_the_model_again(session_with, run):
    session = session_with({"type": TOOLSET})
    run(session, message({"error": {"status": 529, "type": "overloaded_error"}}))
    assert session.status == "rescheduling"
    _, events = run(session, {"type": "user.interrupt"})
    assert types(events) == ["user.interrupt", *IDLE]
    assert session.stop_reason == {"type": "end_turn"}


def test_a_clients_reason_for_a_denial_is_no_word_of_the_tool(session_with, run):
    session = session_with(asks("bash"))
    _, events = run(session, message(bash("echo no"), {"text": "done"}))
    _, events = run(session, confirmation(only(events, "agent.tool_use"), "deny", deny_message="Error: use --force"))
    assert only(events, "agent.tool_result").trust == 0
