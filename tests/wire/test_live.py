"""The running product through the official client: a turn on the stream, and memory that the agent reads and writes."""

import json

import anthropic
import pytest

from tests.wire.conftest import strict


@pytest.fixture
def live(live_sdk):
    return strict(live_sdk)


@pytest.fixture
def world(live):
    agent = live.beta.agents.create(name="Ann", model="practice", tools=[{"type": "agent_toolset_20260401"}])
    environment = live.beta.environments.create(name="box")
    return {"agent": agent.id, "environment_id": environment.id}


def program(*steps) -> list[dict[str, object]]:
    text = f"practice: {json.dumps({'steps': steps})}"
    return [{"type": "user.message", "content": [{"type": "text", "text": text}]}]


def bash(command: str) -> dict[str, object]:
    return {"tool": "bash", "input": {"command": command}}


def run(live, session, *steps):
    """Send the program and read the stream until the session is idle again."""
    with live.beta.sessions.events.stream(session.id) as stream:
        live.beta.sessions.events.send(session.id, events=program(*steps))
        events = []
        for event in stream:
            events.append(event)
            if event.type == "session.status_idle":
                return events
    raise AssertionError("the stream ended before the session was idle")


def outputs(events) -> list[str]:
    return [event.content[0].text for event in events if event.type == "agent.tool_result"]


def test_a_turn_is_streamed_as_it_is_listed(live, world):
    session = live.beta.sessions.create(**world)
    streamed = run(live, session, {"text": "Hello"})
    listed = [(event.id, event.type) for event in live.beta.sessions.events.list(session.id)]
    assert [(event.id, event.type) for event in streamed if event.processed_at] == listed
    assert live.beta.sessions.retrieve(session.id).status == "idle"


def test_a_threads_stream_carries_the_threads_own_events(live, world):
    session = live.beta.sessions.create(**world)
    (primary,) = live.beta.sessions.threads.list(session.id)
    with live.beta.sessions.threads.events.stream(primary.id, session_id=session.id) as stream:
        live.beta.sessions.events.send(session.id, events=program({"text": "Hello"}))
        for event in stream:
            if event.type == "session.thread_status_idle":
                break
    assert event.session_thread_id == primary.id
    assert live.beta.sessions.threads.retrieve(primary.id, session_id=session.id).usage.output_tokens


def test_a_turn_after_an_update_has_the_new_tools(live, world):
    session = live.beta.sessions.create(**world)
    assert outputs(run(live, session, bash("echo first"), {"text": "Done"})) == ["first"]
    for tools in ([], [{"type": "agent_toolset_20260401"}]) * 3:
        live.beta.sessions.update(session.id, agent={"tools": tools})
        (output,) = outputs(run(live, session, bash("echo again"), {"text": "Done"}))
        assert (output == "again") == bool(tools)
    live.beta.sessions.delete(session.id)
    with pytest.raises(anthropic.NotFoundError):
        live.beta.sessions.retrieve(session.id)


def test_an_agent_reads_its_memory_and_what_it_writes_is_a_version_of_its_session(live, world):
    store = live.beta.memory_stores.create(name="Field notes")
    memories = live.beta.memory_stores.memories
    memories.create(store.id, path="/old.md", content="remembered")
    resource = {"type": "memory_store", "memory_store_id": store.id}
    session = live.beta.sessions.create(**world, resources=[resource])
    folder = session.resources[0].mount_path
    events = run(live, session, bash(f"cat {folder}/old.md; echo learnt > {folder}/new.md"), {"text": "Done"})
    assert outputs(events) == ["remembered"]
    new = next(memory for memory in memories.list(store.id, view="full") if memory.path == "/new.md")
    version = live.beta.memory_stores.memory_versions.retrieve(new.memory_version_id, memory_store_id=store.id)
    assert (new.content, version.created_by.session_id) == ("learnt\n", session.id)


def test_a_read_only_store_is_read_and_not_written(live, world):
    store = live.beta.memory_stores.create(name="Standards")
    live.beta.memory_stores.memories.create(store.id, path="/rule.md", content="be kind")
    resource = {"type": "memory_store", "memory_store_id": store.id, "access": "read_only"}
    session = live.beta.sessions.create(**world, resources=[resource])
    path = f"{session.resources[0].mount_path}/rule.md"
    events = run(live, session, bash(f"cat {path}; echo harsh > {path}; cat {path}"), {"text": "Done"})
    assert outputs(events)[0].count("be kind") == 2
    (memory,) = live.beta.memory_stores.memories.list(store.id, view="full")
    assert memory.content == "be kind"


def test_what_a_person_writes_between_two_turns_is_in_the_next(live, world):
    store = live.beta.memory_stores.create(name="Notes")
    memories = live.beta.memory_stores.memories
    memory = memories.create(store.id, path="/a.md", content="first")
    resource = {"type": "memory_store", "memory_store_id": store.id}
    session = live.beta.sessions.create(**world, resources=[resource])
    read = bash(f"cat {session.resources[0].mount_path}/a.md")
    assert outputs(run(live, session, read, {"text": "Done"})) == ["first"]
    memories.update(memory.id, memory_store_id=store.id, content="second")
    assert outputs(run(live, session, read, {"text": "Done"})) == ["second"]
