"""Model requests that recovery repeats are money: as many are counted as the model saw twice."""

import threading

import pytest

from agents.models import Event, Session
from tests.agents.scripted_model import answer, scripted_model, text
from tests.chaos.parts import PARTS, find
from tests.stack import wait_for

SESSIONS = 20
HELLO = [{"type": "user.message", "content": [{"type": "text", "text": "Hello"}]}]


@pytest.fixture(scope="module")
def model():
    """Answers nobody until `is_open` is set."""
    with scripted_model() as model:
        model.is_open = threading.Event()

        def script(request):
            model.is_open.wait(300)
            return answer(text("late"))

        model.script = script
        yield model
        model.is_open.set()


@pytest.fixture(scope="module")
def stack_environment(model):
    return {"ANTHROPIC_BASE_URL": model.url, "ANTHROPIC_API_KEY": "scripted"}


@pytest.fixture
def sessions(live_sdk):
    agent = live_sdk.beta.agents.create(name="Ann", model="practice")
    environment = live_sdk.beta.environments.create(name="box")
    made = [live_sdk.beta.sessions.create(agent=agent.id, environment_id=environment.id) for _ in range(SESSIONS)]
    for session in made:
        live_sdk.beta.sessions.events.send(session.id, events=HELLO)
    return made


def answered() -> bool | None:
    return True if Event.objects.filter(type="session.status_idle").count() == SESSIONS else None


def test_as_many_repeated_requests_are_counted_as_the_model_saw_twice(stack, sessions, model):
    wait_for(lambda: True if len(model.requests) == SESSIONS else None, 120)
    wait_for(lambda: find(stack, PARTS["worker"]), 60).kill()
    wait_for(lambda: True if len(model.requests) == 2 * SESSIONS else None, 120)
    model.is_open.set()
    wait_for(answered, 120)
    assert len(model.requests) == 2 * SESSIONS
    assert set(Session.objects.values_list("repeated_requests", flat=True)) == {1}
    ends = Event.objects.filter(type="span.model_request_end")
    assert ends.count() == SESSIONS == Event.objects.filter(type="agent.message").count()
