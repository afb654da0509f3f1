"""The official SDK's own worker, unmodified and in a process of its own, serves the sessions of a self-hosted
environment of the running product."""

import json
import signal
import sys
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.utils import timezone

from agents.models import Environment, WorkItem
from agents.runtime.prompt import INTERRUPTED
from agents.sandbox.launch import bubblewraps
from agents.services.environment_keys import issue_environment_key
from tests import stack as parts
from tests.stack import wait_for

pytestmark = pytest.mark.django_db(transaction=True)

PATIENCE = 60.0
TOOLSET = "agent_toolset_20260401"
FIND_ORDER = {
    "type": "custom",
    "name": "find_order",
    "description": "Finds an order.",
    "input_schema": {"type": "object", "properties": {}},
}


@pytest.fixture
def ours(live_sdk):
    return live_sdk.beta.environments.create(name="ours", config={"type": "self_hosted"}).id


@pytest.fixture
def key(ours):
    return issue_environment_key(Environment.objects.get(pk=ours), "worker")[1]


@pytest.fixture
def start(stack, ours, key, tmp_path):
    """`with start():` a worker in its own folder, which sees a /mnt of its own and nobody's memory."""
    box = next(bubblewraps(), None)
    if box is None:
        pytest.skip("no bubblewrap on this machine: a worker would write to its real /mnt")

    @contextmanager
    def started(*options):
        inside = [box, "--dev-bind", "/", "/", "--tmpfs", "/mnt", "--die-with-parent", sys.executable]
        given = ["--url", stack.url, "--environment", ours, "--key", key, "--folder", str(tmp_path), *options]
        with parts.running(*inside, "-m", "tests.agents.worker", *given, data_dir=stack.data_dir) as process:
            yield process

    return started


@pytest.fixture
def open_session(live_sdk, ours):
    def make(*tools, **body):
        agent = live_sdk.beta.agents.create(name="Ann", model="practice-1", tools=list(tools or [{"type": TOOLSET}]))
        return live_sdk.beta.sessions.create(agent=agent.id, environment_id=ours, **body).id

    return make


@pytest.fixture
def send(live_sdk):
    def post(session, *events):
        live_sdk.beta.sessions.events.send(session, events=list(events))

    return post


@pytest.fixture
def until(live_sdk):
    """`until(session, "end_turn")`: wait until the session rests for that reason; its events by then."""

    def wait(session, reason, beyond=0):
        def answer():
            events = list(live_sdk.beta.sessions.events.list(session))
            rests = [event for event in events[beyond:] if event.type == "session.status_idle"]
            return events if rests and rests[-1].stop_reason.type == reason and events[-1] == rests[-1] else None

        return wait_for(answer, PATIENCE)

    return wait


def message(*steps):
    text = f"practice: {json.dumps({'steps': steps})}"
    return {"type": "user.message", "content": [{"type": "text", "text": text}]}


def bash(command):
    return {"tool": "bash", "input": {"command": command}}


def asks(name):
    return {"type": TOOLSET, "configs": [{"name": name, "permission_policy": {"type": "always_ask"}}]}


def said(events):
    """What each worker's call came back with, the server's own answers included."""
    return [(event.content[0].text, event.is_error) for event in events if event.type == "user.tool_result"]


def call_in(events, kind="agent.tool_use"):
    return [event for event in events if event.type == kind][-1]


def test_a_worker_runs_the_tools_in_its_own_folder_with_memory_attached(
    live_sdk, start, open_session, send, until, tmp_path
):
    store = live_sdk.beta.memory_stores.create(name="Field notes").id
    live_sdk.beta.memory_stores.memories.create(store, path="/a.md", content="what we learnt")
    session = open_session(resources=[{"type": "memory_store", "memory_store_id": store}])
    with start("--max-idle", "1"):
        send(
            session,
            message(
                bash("pwd; cat /mnt/memory/field-notes/a.md"),
                {"tool": "write", "input": {"file_path": "made.txt", "content": "here"}},
                {"tool": "write", "input": {"file_path": "/mnt/memory/field-notes/new.md", "content": "a lesson"}},
                {"text": "done"},
            ),
        )
        events = until(session, "end_turn")
        results = said(events)
        assert results[0] == (f"{tmp_path}\nwhat we learnt", False)
        assert [is_error for _, is_error in results] == [False, False, False]
        assert (tmp_path / "made.txt").read_text() == "here"
        assert not [event for event in events if event.type == "agent.tool_result"]
        memories = live_sdk.beta.memory_stores.memories
        wait_for(lambda: {m.path for m in memories.list(store)} == {"/a.md", "/new.md"} or None, PATIENCE)
        wait_for(lambda: WorkItem.objects.filter(state="stopped").exists() or None, PATIENCE)
    (version,) = live_sdk.beta.memory_stores.memory_versions.list(store, session_id=session)
    assert (version.path, version.created_by.session_id) == ("/new.md", session)


def test_a_call_that_asks_runs_only_when_somebody_allows_it(start, open_session, send, until):
    session = open_session(asks("bash"))
    with start():
        send(session, message(bash("echo no"), bash("echo yes"), {"text": "done"}))
        events = until(session, "requires_action")
        verdict = {"type": "user.tool_confirmation", "tool_use_id": call_in(events).id}
        send(session, {**verdict, "result": "deny", "deny_message": "not that"})
        events = until(session, "requires_action", beyond=len(events))
        send(session, {**verdict, "tool_use_id": call_in(events).id, "result": "allow"})
        events = until(session, "end_turn", beyond=len(events))
    assert said(events) == [("The user rejected this tool call: not that", True), ("yes", False)]


def test_an_interrupt_closes_the_call_and_the_late_result_is_ignored(start, open_session, send, until, tmp_path):
    session = open_session()
    with start():
        command = "touch begun; until [ -e told ]; do sleep 0.05; done; echo late"
        send(session, message(bash(command), {"text": "done"}))
        wait_for(lambda: (tmp_path / "begun").exists() or None, PATIENCE)
        send(session, {"type": "user.interrupt"})
        events = until(session, "end_turn")
        assert said(events) == [(INTERRUPTED, True)]
        (tmp_path / "told").touch()
        send(session, message(bash("echo again"), {"text": "done"}))
        events = until(session, "end_turn", beyond=len(events))
    assert said(events) == [(INTERRUPTED, True), ("again", False)]


def test_a_custom_tool_beside_the_workers_is_left_to_its_own_client(start, open_session, send, until):
    session = open_session({"type": TOOLSET}, FIND_ORDER)
    with start():
        send(session, message({"tools": [bash("echo mine"), {"tool": "find_order", "input": {}}]}, {"text": "done"}))
        events = until(session, "requires_action")
        events = wait_for(
            lambda: until(session, "requires_action") if said(until(session, "requires_action")) else None, PATIENCE
        )
        custom = call_in(events, "agent.custom_tool_use").id
        assert call_in(events, "session.status_idle").stop_reason.event_ids == [custom]
        content = [{"type": "text", "text": "in Berlin"}]
        send(session, {"type": "user.custom_tool_result", "custom_tool_use_id": custom, "content": content})
        assert said(until(session, "end_turn", beyond=len(events))) == [("mine", False)]


def test_another_worker_takes_over_from_a_killed_one(start, open_session, send, until, tmp_path):
    session = open_session()
    with start() as process:
        send(session, message(bash("test -e begun || { touch begun; sleep 600; }; echo done"), {"text": "done"}))
        wait_for(lambda: (tmp_path / "begun").exists() or None, PATIENCE)
        process.send_signal(signal.SIGKILL)
        process.wait()
    WorkItem.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    with start():
        assert said(until(session, "end_turn")) == [("done", False)]
    assert WorkItem.objects.count() == 1


def test_a_worker_that_drains_the_queue_serves_what_waits_and_ends(start, open_session, send, until):
    session = open_session(resources=[])
    send(session, message(bash("echo drained"), {"text": "done"}))
    with start("--drain", "--max-idle", "1") as process:
        assert said(until(session, "end_turn")) == [("drained", False)]
        assert process.wait(PATIENCE) == 0
    assert set(WorkItem.objects.values_list("state", flat=True)) == {"stopped"}
