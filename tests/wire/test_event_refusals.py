"""What POST /events refuses, one row for each rule; a batch with one such event leaves nothing behind."""

import json

import anthropic
import pytest
from django.db import transaction

from agents.eventlog.append import NewEvent, append
from agents.models import Event, InboxEvent, Session, Thread

pytestmark = pytest.mark.usefixtures("clean_redis")

TEXT = [{"type": "text", "text": "Hello"}]
MESSAGE = {"type": "user.message", "content": TEXT}
SYSTEM = {"type": "system.message", "content": TEXT}
REDACTED = [{"type": "redacted"}]


@pytest.fixture
def refused(call):
    """`refused(session, events)`: the status and the message of the refusal, after which everything is as before."""

    def send(session, events):
        before = Event.objects.count(), InboxEvent.objects.count()
        response = call("POST", f"sessions/{session}/events", json.dumps({"events": events}))
        assert (Event.objects.count(), InboxEvent.objects.count()) == before
        error = response.json()["error"]
        return response.status_code, error["type"], error["message"]

    return send


@pytest.fixture
def waiting(session):
    """A session that made these calls: `ask` asks, `own` is custom, `free` was allowed, `no` denied, `over` is done."""
    write(
        session.id,
        use("ask", "bash", evaluated_permission="ask"),
        use("free", "bash", evaluated_permission="allow"),
        use("no", "bash", evaluated_permission="deny"),
        use("over", "bash", evaluated_permission="ask"),
        use("said", "bash", evaluated_permission="ask"),
        NewEvent(type="agent.custom_tool_use", event_id="own", payload={"name": "find", "input": {}}),
        NewEvent(type="user.tool_confirmation", payload={"tool_use_id": "said", "result": "deny"}),
        NewEvent(type="agent.tool_result", payload={"tool_use_id": "over", "content": TEXT, "is_error": True}),
    )
    return session


def use(event_id, name, **more):
    return NewEvent(type="agent.tool_use", event_id=event_id, payload={"name": name, "input": {}, **more})


def write(session_id, *events):
    with transaction.atomic():
        append(session_id, Thread.objects.get(session=session_id), list(events))


def confirm(tool_use_id, result="allow", **more):
    return {"type": "user.tool_confirmation", "tool_use_id": tool_use_id, "result": result, **more}


def custom(custom_tool_use_id, **more):
    return {"type": "user.custom_tool_result", "custom_tool_use_id": custom_tool_use_id, **more}


def worked(tool_use_id, **more):
    return {"type": "user.tool_result", "tool_use_id": tool_use_id, "content": TEXT, **more}


OUTCOME = {"type": "user.define_outcome", "description": "x", "rubric": {"type": "text"}}
REFUSALS = [
    # The shape
    ([], "events"),
    ([{"type": "user.sing"}], "events.0"),
    ([{"content": TEXT}], "events.0"),
    (["user.message"], "events.0"),
    ([{"type": "agent.message", "content": TEXT}], "events.0"),
    ([{"type": "session.status_idle"}], "events.0"),
    ([{**MESSAGE, "id": "sevt_x"}], "events.0.id"),
    ([{**MESSAGE, "processed_at": "2026-01-01T00:00:00Z"}], "events.0.processed_at"),
    ([{"type": "user.message"}], "events.0.content"),
    ([OUTCOME], "events.0.rubric"),
    # Content
    ([{**MESSAGE, "content": []}], "events.0.content"),
    ([{**MESSAGE, "content": REDACTED}], "events.0.content.0"),
    ([{**MESSAGE, "content": [{"type": "text", "text": ""}]}], "events.0.content.0.text"),
    ([{**SYSTEM, "content": REDACTED}], "events.0.content.0"),
    ([{**SYSTEM, "content": []}], "events.0.content"),
    ([custom("own", content=REDACTED)], "events.0.content.0"),
    ([worked("free", content=REDACTED)], "events.0.content.0"),
    # Confirmations
    ([confirm("sevt_nothing")], "tool_use_id: 'sevt_nothing' is not a tool call that asks"),
    ([confirm("")], "tool_use_id: '' is not a tool call that asks"),
    ([confirm("free")], "tool_use_id: 'free' is not a tool call that asks"),
    ([confirm("no")], "tool_use_id: 'no' is not a tool call that asks"),
    ([confirm("own")], "tool_use_id: 'own' is not a tool call that asks"),
    ([confirm("said")], "tool_use_id: 'said' was decided already"),
    ([confirm("over")], "tool_use_id: 'over' is over"),
    ([confirm("ask"), confirm("ask", "deny")], "tool_use_id: 'ask' was decided already"),
    ([confirm("ask", deny_message="no")], "events.0.deny_message"),
    ([confirm("ask", "maybe")], "events.0.result"),
    ([{"type": "user.tool_confirmation", "tool_use_id": "ask"}], "events.0.result"),
    # Results
    ([custom("sevt_nothing")], "custom_tool_use_id: 'sevt_nothing' is not a custom tool call"),
    ([custom("ask")], "custom_tool_use_id: 'ask' is not a custom tool call"),
    ([custom("own", is_error="yes")], "events.0.is_error"),
    ([worked("free")], "user.tool_result: only sessions of a self-hosted environment"),
    # Threads
    ([{"type": "user.interrupt", "session_thread_id": "sthr_nothing"}], "session_thread_id: sthr_nothing"),
    # One bad event refuses all
    ([MESSAGE, confirm("ask"), custom("own"), MESSAGE, confirm("sevt_nothing")], "tool_use_id: 'sevt_nothing'"),
    ([custom("own"), SYSTEM, MESSAGE], "events.1: a system.message must come last"),
    ([confirm("ask"), SYSTEM], "events.1: a system.message must come last"),
]


@pytest.mark.parametrize(("events", "message"), REFUSALS)
def test_what_is_refused_says_why_and_leaves_nothing(refused, waiting, events, message):
    status, kind, told = refused(waiting.id, events)
    assert (status, kind) == (400, "invalid_request_error")
    assert told.startswith(message)


def test_the_calls_of_another_session_are_unknown(refused, wire, agent, environment, waiting):
    other = wire.beta.sessions.create(agent=agent.id, environment_id=environment.id)
    for event in (confirm("ask"), custom("own")):
        status, _, told = refused(other.id, [event])
        assert (status, "of this session" in told) == (400, True)
    thread = Thread.objects.get(session=waiting.id).pk
    status, _, told = refused(other.id, [{"type": "user.interrupt", "session_thread_id": thread}])
    assert (status, told.split(":")[0]) == (400, "session_thread_id")


def test_the_sessions_of_another_workspace_and_deleted_ones_are_missing(wire, stranger, waiting):
    for client in (stranger, wire):
        if client is wire:
            wire.beta.sessions.delete(waiting.id)
        with pytest.raises(anthropic.NotFoundError):
            client.beta.sessions.events.send(waiting.id, events=[confirm("ask")])


@pytest.mark.parametrize("event", [MESSAGE, {"type": "user.interrupt"}, SYSTEM, confirm("ask"), custom("own")])
def test_an_archived_session_takes_nothing(refused, wire, waiting, event):
    wire.beta.sessions.archive(waiting.id)
    status, _, told = refused(waiting.id, [event])
    assert (status, "is archived" in told) == (400, True)


def test_a_terminated_session_takes_nothing(refused, waiting):
    write(waiting.id, NewEvent(type="session.status_terminated"))
    assert Session.objects.get(pk=waiting.id).status == "terminated"
    status, _, told = refused(waiting.id, [MESSAGE])
    assert (status, "terminated" in told) == (400, True)


def test_a_second_result_for_one_call_is_taken_and_ignored(wire, waiting):
    sent = [wire.beta.sessions.events.send(waiting.id, events=[custom("own", content=TEXT)]).data for _ in range(2)]
    assert sent[0] == sent[1]
    assert Event.objects.filter(session=waiting.id, type="user.custom_tool_result").count() == 1
