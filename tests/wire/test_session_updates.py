"""Changing and deleting a session through the official client."""

import json

import anthropic
import pytest

from agents.models import Event, InboxEvent, OutboxEvent, Session, SessionKind, SessionStatus, Thread

MESSAGE = {"type": "user.message", "content": [{"type": "text", "text": "Hello"}]}
TOOL = {"type": "custom", "name": "lookup", "description": "Looks up.", "input_schema": {"type": "object"}}


@pytest.fixture
def running(wire, agent, environment):
    return wire.beta.sessions.create(agent=agent.id, environment_id=environment.id, initial_events=[MESSAGE])


def updates(wire, session):
    return [event for event in wire.beta.sessions.events.list(session.id) if event.type == "session.updated"]


def emitted(kind: str) -> list[str]:
    return list(OutboxEvent.objects.filter(type=kind).values_list("object_id", flat=True))


def test_title_and_metadata_change_and_the_event_says_what(wire, session):
    updated = wire.beta.sessions.update(session.id, title="New", metadata={"a": "1", "b": "2"})
    assert (updated.title, updated.metadata) == ("New", {"a": "1", "b": "2"})
    assert updated.updated_at > session.updated_at
    merged = wire.beta.sessions.update(session.id, metadata={"a": None, "b": "3"})
    assert (merged.title, merged.metadata) == ("New", {"b": "3"})
    first, second = updates(wire, session)
    assert (first.title, first.metadata) == ("New", {"a": "1", "b": "2"})
    assert second.metadata == {"b": "3"}
    assert not {"title", "agent"} & second.to_dict().keys()
    assert emitted("session.updated") == [session.id] * 2


def test_a_title_is_cleared_by_null(wire, session):
    wire.beta.sessions.update(session.id, title="New")
    assert wire.beta.sessions.update(session.id, title=None).title is None


def test_an_update_that_changes_nothing_leaves_no_trace(wire, session):
    wire.beta.sessions.update(session.id, title="New", metadata={"a": "1"})
    before = wire.beta.sessions.retrieve(session.id)
    tools = [{"type": "agent_toolset_20260401"}]
    same = wire.beta.sessions.update(
        session.id, title="New", metadata={"a": "1", "b": None}, agent={"tools": tools}, budget=None
    )
    assert same.updated_at == before.updated_at
    assert len(updates(wire, session)) == 1


def test_new_metadata_may_name_another_principal(wire, session):
    first = Session.objects.get(pk=session.id).principal
    wire.beta.sessions.update(session.id, metadata={"principal": "mia"})
    assert Session.objects.get(pk=session.id).principal == "mia"
    wire.beta.sessions.update(session.id, metadata={"principal": None})
    assert Session.objects.get(pk=session.id).principal == first


def test_an_idle_session_takes_other_tools_and_its_agent_stays_as_it_is(wire, agent, session):
    updated = wire.beta.sessions.update(session.id, agent={"tools": [TOOL]})
    assert [tool.name for tool in updated.agent.tools] == ["lookup"]
    assert (updated.agent.id, updated.agent.version) == (agent.id, 1)
    assert wire.beta.agents.retrieve(agent.id) == agent
    (event,) = updates(wire, session)
    assert (event.agent.id, event.agent.name, len(event.agent.tools)) == (agent.id, agent.name, 1)
    assert Thread.objects.get(session=session.id).agent_snapshot["tools"][0]["name"] == "lookup"
    assert wire.beta.sessions.update(session.id, agent={"tools": []}).agent.tools == []


def test_a_running_session_keeps_its_tools_and_takes_a_title(wire, running):
    with pytest.raises(anthropic.BadRequestError, match="running"):
        wire.beta.sessions.update(running.id, agent={"tools": []})
    assert wire.beta.sessions.update(running.id, title="New").title == "New"
    assert [event.type for event in wire.beta.sessions.events.list(running.id)].count("session.updated") == 1


def test_a_session_that_waits_to_try_again_keeps_its_tools(wire, session):
    Session.objects.filter(pk=session.id).update(status=SessionStatus.RESCHEDULING)
    with pytest.raises(anthropic.BadRequestError, match="running"):
        wire.beta.sessions.update(session.id, agent={"tools": []})


@pytest.mark.parametrize(
    ("change", "message", "code"),
    [
        ({"vault_ids": []}, "vault_ids:", "vault_ids_not_updatable"),
        (
            {"budget": {"type": "limit", "max_list_cost": {"amount": "100", "currency": "USD"}}},
            "budget:",
            "budget_create_only",
        ),
        ({"title": "x" * 513}, "title:", None),
        ({"metadata": {"k": "v" * 513}}, "metadata.k:", None),
        ({"metadata": {f"k{number}": "" for number in range(17)}}, "metadata:", None),
        ({"agent": {"model": "m"}}, "agent.model:", "agent_field_not_updatable"),
        ({"agent": {"tools": [{**TOOL, "name": "bash"}]}}, "agent.tools.0.name:", None),
        ({"agent": {"mcp_servers": [{"type": "url", "name": "x", "url": "https://x"}]}}, "agent.mcp_servers.0:", None),
        ({"more": 1}, "more:", None),
    ],
)
def test_a_bad_update_is_refused_by_its_member(wire, session, change, message, code):
    with pytest.raises(anthropic.BadRequestError) as refusal:
        wire.beta.sessions.update(session.id, title="New", extra_body=change)
    error = refusal.value.body["error"]
    assert error["message"].startswith(message)
    assert error.get("details", {}).get("error_code") == code
    assert wire.beta.sessions.retrieve(session.id).title is None


def test_what_is_over_or_a_record_takes_no_change(wire, session):
    Session.objects.filter(pk=session.id).update(kind=SessionKind.IMPORTED)
    with pytest.raises(anthropic.BadRequestError, match="record"):
        wire.beta.sessions.update(session.id, agent={"tools": []})
    Session.objects.filter(pk=session.id).update(kind=SessionKind.DREAM)
    with pytest.raises(anthropic.BadRequestError, match="record"):
        wire.beta.sessions.update(session.id, title="New")
    Session.objects.filter(pk=session.id).update(kind=SessionKind.AGENT)
    wire.beta.sessions.archive(session.id)
    with pytest.raises(anthropic.BadRequestError, match="is archived"):
        wire.beta.sessions.update(session.id, title="New")


def test_a_deleted_session_is_gone_with_all_it_held(wire, agent, environment, store):
    resources = [{"type": "memory_store", "memory_store_id": store.id}]
    session = wire.beta.sessions.create(agent=agent.id, environment_id=environment.id, resources=resources)
    wire.beta.sessions.update(session.id, title="New")
    gone = wire.beta.sessions.delete(session.id)
    assert (gone.id, gone.type) == (session.id, "session_deleted")
    for call in (wire.beta.sessions.retrieve, wire.beta.sessions.delete, wire.beta.sessions.events.list):
        with pytest.raises(anthropic.NotFoundError):
            call(session.id)
    assert not Event.objects.exists()
    assert emitted("session.deleted") == [session.id]
    assert wire.beta.agents.retrieve(agent.id).archived_at is None
    assert wire.beta.memory_stores.retrieve(store.id).archived_at is None


def test_a_running_session_is_neither_deleted_nor_archived(wire, running, session):
    wire.beta.sessions.events.send(session.id, events=[MESSAGE])  # waits for a worker
    for busy in (running, session):
        for refused in (wire.beta.sessions.delete, wire.beta.sessions.archive):
            with pytest.raises(anthropic.BadRequestError, match="running"):
                refused(busy.id)
    assert Session.objects.count() == InboxEvent.objects.count() == 2


@pytest.mark.parametrize("status", [SessionStatus.RESCHEDULING, SessionStatus.TERMINATED])
def test_a_session_in_any_other_state_is_deleted(wire, session, status):
    Session.objects.filter(pk=session.id).update(status=status)
    wire.beta.sessions.delete(session.id)
    assert not Session.objects.exists()


def test_an_escalation_is_noted_once(call, session):
    first = call("POST", f"sessions/{session.id}/escalate").json()
    again = call("POST", f"sessions/{session.id}/escalate", "{}").json()
    assert first == again
    assert (first["type"], first["session_id"]) == ("session_escalation", session.id)
    assert Session.objects.get(pk=session.id).escalated_at
    assert emitted("session.escalated") == [session.id]
    assert call("POST", f"sessions/{session.id}/escalate", '{"more": 1}').status_code == 400


def test_verdicts_are_listed_newest_first(call, session):
    for result in ("failed", "completed"):
        call("POST", f"sessions/{session.id}/verdict", json.dumps({"result": result}))
    page = call("GET", f"sessions/{session.id}/verdicts?limit=1").json()
    assert [verdict["result"] for verdict in page["data"]] == ["completed"]
    rest = call("GET", f"sessions/{session.id}/verdicts?limit=1&page={page['next_page']}").json()
    assert ([verdict["result"] for verdict in rest["data"]], rest["next_page"]) == (["failed"], None)
