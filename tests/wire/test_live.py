"""The running product through the official client: turns on the stream, the SDK's own runner of a session's tools, and
memory that the agent reads and writes."""

import asyncio
import json

import anthropic
import pytest
from anthropic.lib.tools import ToolError, beta_async_tool

from tests.wire.conftest import strict
from tests.wire.scenes import DONE, FIND, TOOLSET, confirm, custom_result, find, policy, says
from tests.wire.story import Story, lines

PATIENCE = 120.0


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


@pytest.fixture
def session_with(live):
    environment = live.beta.environments.create(name="box")

    def make(*tools, **more):
        agent = live.beta.agents.create(name="Ann", model="practice-1", tools=list(tools))
        return live.beta.sessions.create(agent=agent.id, environment_id=environment.id, **more)

    return make


@pytest.fixture
def runner(stack, api_key):
    """Let the runner serve a session until it rests at the end of a turn; the calls that it saw. `left(call)` makes the
    event that answers a call which the runner leaves to others."""

    async def serve(session, tools, left):
        async with anthropic.AsyncAnthropic(base_url=stack.url, api_key=api_key, timeout=60) as client:
            seen = []
            async for call in client.beta.sessions.events.tool_runner(session.id, tools=tools, max_idle=0.2):
                seen.append(call)
                if call.result is None and (answer := left(call)):
                    await client.beta.sessions.events.send(session.id, events=[answer])
            return seen

    def serve_in_time(session, *tools, left=lambda call: None):
        return asyncio.run(asyncio.wait_for(serve(session, tools, left), PATIENCE))

    return serve_in_time


@beta_async_tool
async def find_order(order: str) -> str:
    """Finds an order.

    Args:
        order: its number
    """
    if order == "A3":
        raise ToolError("there is no A3")
    return f"{order} is in Berlin"


def story_of(live, session, events=None):
    (thread,) = live.beta.sessions.threads.list(session.id)
    events = list(live.beta.sessions.events.list(session.id)) if events is None else events
    return Story(events, thread_id=thread.id, agent_name="Ann").lines


def test_the_sdks_runner_answers_every_custom_call_once(live, session_with, runner):
    steps = ({"tools": [find("A1"), find("A2")]}, find("A3"), DONE)
    session = session_with(FIND, initial_events=[says("Go", *steps)])
    calls = runner(session, find_order)
    assert [(call.name, call.posted) for call in calls] == [("find_order", True)] * 3
    told = story_of(live, session)
    assert sorted(line for line in told if line.startswith("user.custom_tool_result")) == [
        "user.custom_tool_result a A1 is in Berlin",
        "user.custom_tool_result b A2 is in Berlin",
        "user.custom_tool_result c error there is no A3",
    ]
    assert told[-9:] == lines("""
        user.custom_tool_result c error there is no A3
        running
        span.model_request_start
        agent.message done
        span.model_request_end
        idle end_turn
    """)


def test_the_sdks_runner_leaves_to_others_what_is_not_its_own(live, session_with, runner):
    other = {**FIND, "name": "find_person"}
    calls = {"tools": [find("A1"), {"tool": "find_person", "input": {}}, bash("echo ours")]}
    session = session_with(FIND, other, {"type": TOOLSET}, initial_events=[says("Go", calls, DONE)])
    seen = runner(
        session,
        find_order,
        left=lambda call: custom_result(call.tool_use_id, "Ben") if call.name == "find_person" else None,
    )
    assert {call.name: call.posted for call in seen} == {"find_order": True, "find_person": False, "bash": False}
    told = story_of(live, session)
    for line in (
        "user.custom_tool_result a A1 is in Berlin",
        "user.custom_tool_result b Ben",
        "agent.tool_result c ours",
        "session.status_idle end_turn",
    ):
        assert told.count(line) == 1


def test_a_stream_shows_what_is_queued_and_then_exactly_what_is_listed(live, session_with):
    session = session_with(policy("always_ask", "bash"))
    frames = []

    def until(stream, kind):
        for event in stream:
            frames.append(event)
            if event.type == kind:
                return

    with live.beta.sessions.events.stream(session.id) as stream:
        live.beta.sessions.events.send(session.id, events=[says("Go", bash("echo yes"), DONE)])
        until(stream, "session.status_idle")
        (call,) = frames[-1].stop_reason.event_ids
        live.beta.sessions.events.send(session.id, events=[confirm(call)])
        until(stream, "session.status_idle")
        live.beta.sessions.archive(session.id)
        until(stream, "session.status_terminated")
        assert list(stream) == []
    queued, *processed = frames
    assert (queued.type, queued.processed_at, queued.id) == ("user.message", None, processed[2].id)
    assert processed == list(live.beta.sessions.events.list(session.id))
    assert story_of(live, session, processed) == lines("""
        running
        user.message Go
        span.model_request_start
        agent.tool_use a bash ask by always_ask
        span.model_request_end
        idle requires_action a
        user.tool_confirmation a allow
        running
        agent.tool_result a yes
        span.model_request_start
        agent.message done
        span.model_request_end
        idle end_turn
        session.thread_status_terminated
        session.status_terminated
    """)


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
