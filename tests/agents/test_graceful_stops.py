"""Who is asked to end cuts nothing: calls under way end, turns are handed over, and the next start goes on there."""

import json
import signal

import pytest

from agents import jobs
from agents.models import Event, Session
from agents.plugs import sandbox
from agents.runtime import turn
from agents.services.events import send_events
from tests.agents.test_answers import bash, message, session_with
from tests.chaos.invariants import broken
from tests.chaos.parts import find
from tests.stack import wait_for

__all__ = ["session_with"]  # fixture

TOOLSET = "agent_toolset_20260401"
SESSIONS, ROUNDS = 20, 3
DONE = "(no output)"
LOST = "bash: bash session terminated; restart required"  # of a shell that ended between two calls, with its host
RUN = {"tool": "bash", "input": {"command": "echo ran >> effects; sleep 0.5"}}
COUNT = {"tool": "read", "input": {"file_path": "effects"}}
PLAN = [*([RUN, {**RUN, "delay_ms": 500}] * ROUNDS), COUNT, {"text": "all done", "delay_ms": 500}]


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_ends_between_two_calls_leaves_the_second_to_the_next(session_with, actor, monkeypatch):
    session = session_with({"type": TOOLSET})
    client = type(sandbox())
    run_tool = client.run_tool

    def last_call(self, *arguments, **options):
        outcome = run_tool(self, *arguments, **options)
        turn.stopping.set()
        return outcome

    both = {"tools": [bash("echo one"), bash("echo two")]}
    send_events(session, [message(both, {"text": "done"})], actor=actor)
    thread = session.threads.get()
    try:
        with monkeypatch.context() as patch:
            patch.setattr(client, "run_tool", last_call)
            jobs.run_thread(thread.pk)
    finally:
        turn.stopping.clear()
    results = Event.objects.filter(session=session, type="agent.tool_result")
    assert [result.payload["content"][0]["text"].strip() for result in results] == ["one"]
    jobs.run_thread(thread.pk)
    assert [result.payload["content"][0]["text"].strip() for result in results.in_order()] == ["one", "two"]
    assert broken(session.pk) == []


@pytest.fixture
def sessions(live_sdk):
    agent = live_sdk.beta.agents.create(name="Ann", model="practice", tools=[{"type": TOOLSET}])
    environment = live_sdk.beta.environments.create(name="box")
    text = f"practice: {json.dumps({'steps': PLAN})}"
    made = []
    for _ in range(SESSIONS):
        made.append(live_sdk.beta.sessions.create(agent=agent.id, environment_id=environment.id).id)
        content = [{"type": "text", "text": text}]
        live_sdk.beta.sessions.events.send(made[-1], events=[{"type": "user.message", "content": content}])
    return made


def results() -> int:
    return Event.objects.filter(type="agent.tool_result").count()


def texts(session: str) -> list[str]:
    found = Event.objects.filter(session=session, type="agent.tool_result").in_order()
    return [event.payload["content"][0]["text"].strip() for event in found]


def wait_for_progress() -> None:
    """Until sessions have gone on: so work is under way when the next part is asked to end."""
    before = results()
    wait_for(lambda: True if results() >= before + SESSIONS // 2 or all_at_rest() else None, 90)


def all_at_rest() -> bool | None:
    return True if Event.objects.filter(type="session.status_idle").count() == SESSIONS else None


def end(stack, mark: str) -> None:
    """Ask a part to end as an operator would, and wait until another one is there."""
    old = wait_for(lambda: find(stack, mark), 60)
    old.terminate()
    wait_for(lambda: True if (new := find(stack, mark)) and new.pid != old.pid else None, 120)


@pytest.fixture(scope="module")
def stack_environment():
    return {"LUCID_STOP_SECONDS": "60"}  # on a slow machine a call of half a second may take several


def test_parts_that_are_asked_to_end_under_load_cut_no_call_and_repeat_no_request(stack, sessions):
    for mark in ("lucid-worker", "agents.sandbox.host", "lucid-web"):
        wait_for_progress()
        end(stack, mark)
    wait_for_progress()
    assert stack.stop(signal.SIGTERM) == 0
    stack.start_again()
    wait_for(all_at_rest, 120)
    assert [problem for session in sessions for problem in broken(session)] == []
    for session in sessions:
        *told, effects = texts(session)
        assert set(told) <= {DONE, LOST}
        assert effects.count("ran") == told.count(DONE) > 0
    assert set(Session.objects.values_list("repeated_requests", flat=True)) == {0}
    said = Event.objects.filter(type="agent.message", payload__content__0__text="all done")
    assert said.count() == SESSIONS
