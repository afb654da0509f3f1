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


def picture(**source):
    return {"type": "image", "source": source}


SEARCH = {
    "type": "search_result",
    "source": "https://a.example",
    "title": "A",
    "content": TEXT,
    "citations": {"enabled": False},
}
ZIP = {"media_type": "application/zip", "data": "UEs="}
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
    ([confirm("sevt_nothing")], "events.0.tool_use_id: 'sevt_nothing' is not a tool call that asks"),
    ([confirm("")], "events.0.tool_use_id: '' is not a tool call that asks"),
    ([confirm("free")], "events.0.tool_use_id: 'free' is not a tool call that asks"),
    ([confirm("no")], "events.0.tool_use_id: 'no' is not a tool call that asks"),
    ([confirm("own")], "events.0.tool_use_id: 'own' is not a tool call that asks"),
    ([confirm("said")], "events.0.tool_use_id: 'said' was decided already"),
    ([confirm("over")], "events.0.tool_use_id: 'over' is over"),
    ([confirm("ask"), confirm("ask", "deny")], "events.1.tool_use_id: 'ask' was decided already"),
    ([confirm("ask", deny_message="no")], "events.0.deny_message"),
    ([confirm("ask", "maybe")], "events.0.result"),
    ([{"type": "user.tool_confirmation", "tool_use_id": "ask"}], "events.0.result"),
    # Results
    ([custom("sevt_nothing")], "events.0.custom_tool_use_id: 'sevt_nothing' is not a custom tool call"),
    ([custom("ask")], "events.0.custom_tool_use_id: 'ask' is not a custom tool call"),
    ([custom("own", is_error="yes")], "events.0.is_error"),
    ([worked("free")], "events.0.type: only sessions of a self-hosted environment"),
    # Content blocks
    ([{**MESSAGE, "content": "Hello"}], "events.0.content"),
    ([{**MESSAGE, "content": TEXT[0]}], "events.0.content"),
    ([{**MESSAGE, "content": ["Hello"]}], "events.0.content.0"),
    ([{**MESSAGE, "content": [{"text": "x"}]}], "events.0.content.0"),
    ([{**MESSAGE, "content": [{"type": "text"}]}], "events.0.content.0.text"),
    ([{**MESSAGE, "content": [{"type": "text", "text": 7}]}], "events.0.content.0.text"),
    ([{**MESSAGE, "content": [{"type": "text", "text": "a\x00b"}]}], "events.0.content.0.text: the character U+0000"),
    ([{**MESSAGE, "content": [{**TEXT[0], "cache_control": None}]}], "events.0.content.0.cache_control"),
    ([{**MESSAGE, "content": [{"type": "audio"}]}], "events.0.content.0"),
    ([{**MESSAGE, "content": [{"type": "tool_use", "id": "x", "name": "bash", "input": {}}]}], "events.0.content.0"),
    ([{**MESSAGE, "content": [SEARCH]}], "events.0.content.0"),
    ([{**MESSAGE, "content": [{"type": "image"}]}], "events.0.content.0.source"),
    ([{**MESSAGE, "content": [picture(type="base64", media_type="image/png")]}], "events.0.content.0.source.data"),
    (
        [{**MESSAGE, "content": [picture(type="base64", media_type="image/png", data="?")]}],
        "events.0.content.0.source.data",
    ),
    (
        [{**MESSAGE, "content": [picture(type="base64", media_type="image/bmp", data="Qk0=")]}],
        "events.0.content.0.source.media_type: as base64, models read image/gif and image/jpeg and",
    ),
    (
        [{**MESSAGE, "content": [{"type": "document", "source": {**ZIP, "type": "base64"}}]}],
        "events.0.content.0.source.media_type: as base64, models read application/pdf",
    ),
    ([{**MESSAGE, "content": [picture(type="url", url="file:///etc/passwd")]}], "events.0.content.0.source.url"),
    ([{**MESSAGE, "content": [picture(type="path", path="/x")]}], "events.0.content.0.source"),
    ([{**SYSTEM, "content": [picture(type="url", url="https://a.example/x.png")]}], "events.0.content.0"),
    ([custom("own", content=[{**SEARCH, "source": 7}])], "events.0.content.0.source"),
    # Both an answer and a decision, and what belongs to other events
    ([confirm("own"), custom("own")], "events.0.tool_use_id: 'own' is not a tool call that asks"),
    ([custom("own"), confirm("own")], "events.1.tool_use_id: 'own' is not a tool call that asks"),
    ([custom("own"), worked("ask")], "events.1.type: only sessions of a self-hosted environment"),
    ([{**custom("own"), "session_thread_id": "sthr_x"}], "events.0.session_thread_id"),
    ([{**confirm("ask"), "session_thread_id": "sthr_x"}], "events.0.session_thread_id"),
    ([{**custom("own"), "tool_use_id": "own"}], "events.0.tool_use_id"),
    ([{"type": "user.interrupt", "content": TEXT}], "events.0.content"),
    ([{"type": "user.interrupt", "session_thread_id": 7}], "events.0.session_thread_id"),
    # Too many
    ([MESSAGE] * 10_000, "events: send 1 to 1,000 events"),
    ([{"type": "user.interrupt"}] * 1_001, "events: send 1 to 1,000 events"),
    ([{**SYSTEM, "content": TEXT * 1_001}], "events.0.content: it must have 1 to 1,000 blocks"),
    # One bad event refuses all
    ([MESSAGE, confirm("ask"), custom("own"), MESSAGE, confirm("sevt_nothing")], "events.4.tool_use_id: "),
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


def test_an_interrupt_of_a_thread_that_is_not_there_is_told_so(refused, wire, agent, environment, waiting):
    other = wire.beta.sessions.create(agent=agent.id, environment_id=environment.id)
    foreign = Thread.objects.get(session=waiting.id).pk
    for thread in (foreign, "sthr_nothing", ""):
        status, kind, told = refused(other.id, [MESSAGE, {"type": "user.interrupt", "session_thread_id": thread}])
        assert (status, kind, repr(thread) in told) == (404, "not_found_error", True)


def test_an_interrupt_reaches_the_thread_that_it_names_while_that_lives(refused, wire, waiting):
    primary = Thread.objects.get(session=waiting.id)
    columns = {name: getattr(primary, name) for name in ("session", "agent_snapshot", "created_at", "updated_at")}
    child = Thread.objects.create(parent=primary, **columns)
    named = {"type": "user.interrupt", "session_thread_id": child.pk}
    (sent,) = wire.beta.sessions.events.send(waiting.id, events=[named]).data
    (row,) = InboxEvent.objects.all()
    assert (row.pk, row.thread_id, sent.session_thread_id) == (sent.id, child.pk, child.pk)
    (listed,) = wire.beta.sessions.threads.events.list(child.pk, session_id=waiting.id)
    assert listed == sent
    Thread.objects.filter(pk=child.pk).update(status="terminated")
    status, _, told = refused(waiting.id, [named])
    assert (status, told.startswith("session_thread_id: ")) == (400, True)


@pytest.mark.parametrize("size", [1_000_000, 33 * 1024 * 1024])
def test_a_huge_text_is_taken_up_to_the_size_of_a_body(call, session, size):
    body = json.dumps({"events": [{**MESSAGE, "content": [{"type": "text", "text": "x" * size}]}]})
    response = call("POST", f"sessions/{session.id}/events", body)
    if size < 32 * 1024 * 1024:
        assert len(response.json()["data"][0]["content"][0]["text"]) == size
    else:
        assert (response.status_code, response.json()["error"]["type"]) == (413, "request_too_large")
        assert not InboxEvent.objects.exists()


def test_as_many_events_as_may_wait_are_taken_and_not_one_more(refused, wire, session):
    assert len(wire.beta.sessions.events.send(session.id, events=[MESSAGE] * 1_000).data) == 1_000
    assert len(list(wire.beta.sessions.events.list(session.id, limit=300))) == 1_000
    status, _, told = refused(session.id, [MESSAGE])
    assert (status, "may wait" in told) == (400, True)


def test_two_results_for_one_call_in_one_request_are_one(wire, waiting):
    sent = wire.beta.sessions.events.send(waiting.id, events=[custom("own", content=TEXT), custom("own")]).data
    assert sent[0] == sent[1]
    assert Event.objects.filter(session=waiting.id, type="user.custom_tool_result").count() == 1


@pytest.mark.parametrize(
    "block", [{"type": "text", "text": "\n"}, picture(type="base64", media_type="image/png", data="")]
)
def test_a_result_is_taken_as_the_tool_gave_it(wire, waiting, block):
    (sent,) = wire.beta.sessions.events.send(waiting.id, events=[custom("own", content=[block])]).data
    assert [shown.to_dict() for shown in sent.content] == [block]


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
