"""Turns as the contract writes them down: which events, in which order, with what in them."""

import json
import threading

import pytest
from django.conf import settings

from agents import jobs, limits, plugs
from agents.eventlog.fold import fold
from agents.models import OutboxEvent, Thread
from agents.runtime import loop
from agents.services.sessions import archive_session, send_events
from tests.agents.practice_server import running_practice

pytestmark = pytest.mark.django_db(transaction=True)

OPENING = ["session.status_running", "session.thread_status_running", "user.message", "span.model_request_start"]
CLOSING = ["span.model_request_end", "session.thread_status_idle", "session.usage", "session.status_idle"]


@pytest.fixture
def run(practice, sandbox_host, clean_redis, actor):
    """Send messages to a session and let a worker drive it; returns the log."""

    def send_and_run(session, *texts):
        for text in texts:
            content = [{"type": "text", "text": text}]
            send_events(session, [{"type": "user.message", "content": content}], actor=actor)
        return drive(session)

    return send_and_run


@pytest.fixture
def counting_practice(monkeypatch):
    """A practice model that remembers how often it was asked the same, so that a fault can pass."""
    with running_practice("--count-attempts") as url:
        monkeypatch.setattr(settings, "ANTHROPIC_BASE_URL", url)
        plugs.model_client.cache_clear()
        yield
    plugs.model_client.cache_clear()


def drive(session):
    jobs.run_thread(session.threads.get().pk)
    session.refresh_from_db()
    return list(session.events.in_order())


def types(events):
    return [event.type for event in events]


def program(*steps):
    return "practice: " + json.dumps({"steps": list(steps)})


def test_a_message_is_answered(make_session, run):
    events = run(make_session(), program({"text": "hello"}))
    assert types(events) == [*OPENING, "agent.message", *CLOSING]
    assert events[4].payload["content"] == [{"type": "text", "text": "hello"}]
    assert events[-1].payload["stop_reason"] == {"type": "end_turn"}


def test_a_tool_call_is_run_and_its_result_answered(make_session, run):
    calls = {"tool": "bash", "input": {"command": "echo out"}}
    events = run(make_session(), program(calls, {"text": "done"}))
    middle = ["agent.tool_use", "span.model_request_end", "agent.tool_result", "span.model_request_start"]
    assert types(events) == [*OPENING, *middle, "agent.message", *CLOSING]
    use, result = events[4], events[6]
    assert use.payload["evaluation"] == {"type": "always_allow"}
    assert result.payload == {
        "tool_use_id": use.event_id,
        "content": [{"type": "text", "text": "out"}],
        "is_error": False,
    }


def test_a_failing_tool_is_the_calls_error_and_not_the_sessions(make_session, run):
    events = run(make_session(), program({"tool": "read", "input": {"file_path": "nothing.txt"}}, {"text": "ok"}))
    result = next(event for event in events if event.type == "agent.tool_result")
    assert result.payload["is_error"] is True
    assert "no such file" in result.payload["content"][0]["text"]
    assert "session.error" not in types(events)


def test_an_unknown_tool_is_denied_and_the_turn_goes_on(make_session, run):
    events = run(make_session(), program({"tool": "launch", "input": {}}, {"text": "ok"}))
    use = next(event for event in events if event.type == "agent.tool_use")
    assert use.payload["evaluated_permission"] == "deny"
    assert "evaluation" not in use.payload
    assert events[-1].payload["stop_reason"] == {"type": "end_turn"}


def test_two_queued_messages_are_two_whole_turns(make_session, run):
    events = run(make_session(), program({"text": "one"}), program({"text": "two"}))
    assert types(events) == [*OPENING, "agent.message", *CLOSING] * 2


def test_initial_events_are_persisted_and_the_session_is_returned_running(make_session, run):
    content = [{"type": "text", "text": program({"text": "hello"})}]
    session = make_session(initial_events=[{"type": "user.message", "content": content}])
    assert session.status == "running"
    assert types(drive(session)) == [*OPENING, "agent.message", *CLOSING]


def test_the_log_folds_to_the_stored_state(make_session, run):
    session = make_session()
    run(session, program({"tool": "bash", "input": {"command": "true"}}, {"text": "a"}), program({"text": "b"}))
    state = fold([(event.type, event.payload, event.processed_at) for event in session.events.in_order()])
    assert (state.status, state.stop_reason, state.usage) == (session.status, session.stop_reason, session.usage)
    assert state.active_seconds == pytest.approx(session.active_seconds)
    assert state.ended_at == session.ended_at


def test_a_refusal_ends_the_turn_as_one(make_session, run):
    events = run(make_session(), program({"text": "no", "stop_reason": "refusal"}))
    assert events[-1].payload["stop_reason"] == {"type": "refusal"}
    assert events[-1].payload["stop_details"]["type"] == "refusal"


@pytest.mark.parametrize(
    ("step", "type", "words"),
    [
        ({"error": {"status": 529, "type": "overloaded_error"}}, "model_overloaded_error", "529"),
        ({"error": {"status": 429, "type": "rate_limit_error"}}, "model_rate_limited_error", "429"),
        ({"garbage": True}, "model_request_failed_error", "not JSON"),
        ({"disconnect": True}, "model_request_failed_error", "cannot be reached"),
    ],
)
def test_a_model_that_fails_is_tried_again_and_then_given_up(make_session, run, step, type, words):
    session = make_session()
    events = run(session, program(step))
    assert session.status == "rescheduling"
    assert types(events)[-4:] == [
        "span.model_request_end",
        "session.error",
        "session.status_rescheduled",
        "session.thread_status_rescheduled",
    ]
    assert events[-3].payload["error"]["retry_status"] == {"type": "retrying"}
    for _ in limits.MODEL_RETRY_DELAYS:
        Thread.objects.filter(session=session).update(wake_at=None)
        events = drive(session)
    error = [event for event in events if event.type == "session.error"][-1].payload["error"]
    assert (error["type"], error["retry_status"]) == (type, {"type": "exhausted"})
    assert words in error["message"]
    assert session.stop_reason == {"type": "retries_exhausted"}


def test_a_retried_request_that_succeeds_goes_on_with_the_turn(make_session, run, counting_practice):
    session = make_session()
    run(session, program({"error": {"status": 529, "type": "overloaded_error"}, "times": 1}, {"text": "at last"}))
    Thread.objects.filter(session=session).update(wake_at=None)
    events = types(drive(session))
    resumed = ["session.status_running", "session.thread_status_running", "span.model_request_start", "agent.message"]
    assert events[-8:-4] == resumed


def test_a_request_that_the_endpoint_refuses_is_not_repeated(make_session, run):
    session = make_session()
    events = run(session, program({"error": {"status": 400, "type": "invalid_request_error"}}))
    assert session.stop_reason == {"type": "retries_exhausted"}
    assert types(events).count("span.model_request_start") == 1


def test_an_archived_session_is_terminated_and_takes_nothing_more(make_session, run, actor):
    session = make_session()
    run(session, program({"text": "hello"}))
    archived = archive_session(session, actor=actor)
    assert (archived.status, archived.archived_at is not None) == ("terminated", True)
    assert types(archived.events.in_order())[-2:] == ["session.thread_status_terminated", "session.status_terminated"]
    with pytest.raises(Exception, match="is archived"):
        send_events(archived, [{"type": "user.message", "content": []}], actor=actor)


def test_every_turn_leaves_its_outbox_rows(make_session, run, workspace):
    session = make_session()
    run(session, program({"text": "hello"}))
    left = OutboxEvent.objects.filter(workspace=workspace, object_id=session.pk).order_by("pk")
    assert [row.type for row in left] == ["session.created", "session.status_run_started", "session.status_idled"]


def test_a_worker_that_is_asked_to_end_hands_a_turn_over_between_two_steps(make_session, run, monkeypatch):
    session = make_session()
    monkeypatch.setattr(loop, "stopping", threading.Event())
    loop.stopping.set()
    calls = {"tool": "bash", "input": {"command": "echo out"}}
    run(session, program(calls, {"text": "done"}))
    rounds = 1
    while session.status != "idle":
        drive(session)
        rounds += 1
    events = list(session.events.in_order())
    result = next(event for event in events if event.type == "agent.tool_result")
    assert result.payload["content"] == [{"type": "text", "text": "out"}]
    assert rounds > 2
    assert session.repeated_requests == 0


def test_every_turn_reports_the_servers_it_goes_on_without(make_session, run, agent):
    servers = [{"type": "url", "name": name, "url": f"https://{name}.example.com"} for name in ("tickets", "logs")]
    toolsets = [{"type": "mcp_toolset", "mcp_server_name": server["name"]} for server in servers]
    overrides = {"type": "agent_with_overrides", "id": agent.pk, "mcp_servers": servers, "tools": toolsets}
    session = make_session(agent=overrides)
    for text in ("One.", program({"text": "Two."})):
        events = run(session, text)
    errors = [event.payload["error"] for event in events if event.type == "session.error"]
    assert [error["mcp_server_name"] for error in errors] == ["tickets", "logs"] * 2
    assert {(error["type"], error["retry_status"]["type"]) for error in errors} == {
        ("mcp_connection_failed_error", "retrying")
    }
    assert types(events).count("agent.message") == 2
    assert session.status == "idle"
