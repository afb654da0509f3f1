"""`kill -9` on the running product, and a Redis that forgets everything: every message is answered once, in 10 s."""

import json

import pytest
import redis

from agents.models import Event, Session
from agents.runtime.prompt import INTERRUPTED
from tests.agents.test_kill_at_every_step import OUTLINE
from tests.chaos.parts import PARTS, find
from tests.stack import wait_for

RECOVERY_SECONDS = 60.0  # the promise is ten, which `python -m tests.chaos` measures on a machine of its own


@pytest.fixture(scope="module")
def stack_environment():
    """A product of its own: its parts are killed here."""
    return {}


@pytest.fixture
def session(live_sdk):
    agent = live_sdk.beta.agents.create(name="Ann", model="practice", tools=[{"type": "agent_toolset_20260401"}])
    environment = live_sdk.beta.environments.create(name="box")
    return live_sdk.beta.sessions.create(agent=agent.id, environment_id=environment.id)


def send(live_sdk, session, *steps):
    text = f"practice: {json.dumps({'steps': steps})}"
    events = [{"type": "user.message", "content": [{"type": "text", "text": text}]}]
    live_sdk.beta.sessions.events.send(session.id, events=events)


def types(live_sdk, session) -> list[str]:
    return [event.type for event in live_sdk.beta.sessions.events.list(session.id)]


def wait_for_event(live_sdk, session, type: str, seconds: float = 60.0) -> None:
    wait_for(lambda: True if type in types(live_sdk, session) else None, seconds)


def test_a_worker_killed_in_a_tool_call_leaves_a_turn_that_ends_once(live_sdk, stack, session):
    effects = stack.data_dir / "sandboxes" / session.id / "workspace" / "effects"
    send(live_sdk, session, {"tool": "bash", "input": {"command": "echo ran >> effects; sleep 600"}}, {"text": "done"})
    wait_for(lambda: effects.exists() or None, 60)
    wait_for(lambda: find(stack, PARTS["worker"]), 60).kill()
    wait_for_event(live_sdk, session, "session.status_idle", RECOVERY_SECONDS)
    assert types(live_sdk, session) == OUTLINE
    events = list(live_sdk.beta.sessions.events.list(session.id))
    assert events[6].content[0].text == INTERRUPTED
    send(live_sdk, session, {"tool": "bash", "input": {"command": "cat effects"}}, {"text": "done"})
    wait_for(lambda: True if types(live_sdk, session).count("session.status_idle") == 2 else None, 60)
    results = [event for event in live_sdk.beta.sessions.events.list(session.id) if event.type == "agent.tool_result"]
    assert len(results) == 2
    assert effects.read_text() == "ran\n"


def test_a_worker_killed_while_the_model_thinks_leaves_one_answer(live_sdk, stack, session):
    found = wait_for(lambda: find(stack, PARTS["worker"]), 60)
    send(live_sdk, session, {"text": "slow answer", "delay_ms": 8000})
    wait_for(lambda: Event.objects.filter(type="span.model_request_start").first(), 60)
    found.kill()
    wait_for_event(live_sdk, session, "session.status_idle", RECOVERY_SECONDS)
    seen = types(live_sdk, session)
    assert (seen.count("agent.message"), seen.count("span.model_request_start")) == (1, 1)
    assert Session.objects.get(pk=session.id).repeated_requests == 1


def test_a_redis_that_forgets_everything_loses_no_message(live_sdk, session, redis_server):
    broker = redis.Redis.from_url(redis_server)
    for number in range(5):
        send(live_sdk, session, {"text": f"answer {number}", "delay_ms": 300})
        broker.flushall()
    wait_for(lambda: True if types(live_sdk, session).count("session.status_idle") == 5 else None, 60)
    answers = [event for event in live_sdk.beta.sessions.events.list(session.id) if event.type == "agent.message"]
    assert [event.content[0].text for event in answers] == [f"answer {number}" for number in range(5)]
