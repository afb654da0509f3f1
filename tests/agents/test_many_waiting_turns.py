"""Many turns that wait for a model at once: they cost no process and no database connection, and what recovery repeats
of them, which is money, is counted as often as the model saw it twice."""

import threading

import psutil
import pytest
from django.db import connection

from agents.models import Event, Session
from tests.agents.scripted_model import answer, scripted_model, text
from tests.chaos.parts import PARTS, find
from tests.stack import wait_for

SESSIONS = 30  # more than a process has connections to PostgreSQL
SLOTS = 40
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
    return {"ANTHROPIC_BASE_URL": model.url, "ANTHROPIC_API_KEY": "scripted", "LUCID_TURN_SLOTS": str(SLOTS)}


@pytest.fixture
def sessions(live_sdk):
    agent = live_sdk.beta.agents.create(name="Ann", model="practice")
    environment = live_sdk.beta.environments.create(name="box")
    made = [live_sdk.beta.sessions.create(agent=agent.id, environment_id=environment.id) for _ in range(SESSIONS)]
    for session in made:
        live_sdk.beta.sessions.events.send(session.id, events=HELLO)
    return made


def processes(stack) -> list[psutil.Process]:
    """The worker, and whatever it started."""
    worker = wait_for(lambda: find(stack, PARTS["worker"]), 60)
    return [worker, *worker.children(recursive=True)]


def nobody_holds_a_connection() -> bool | None:
    """Between two looks of the sweeper and of the turns themselves, every connection lies in its pool."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT COUNT(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid != pg_backend_pid() AND state != 'idle'"
        )
        return True if cursor.fetchone()[0] == 0 else None


def answered() -> bool | None:
    return True if Event.objects.filter(type="session.status_idle").count() == SESSIONS else None


def test_turns_that_wait_hold_nothing_and_as_many_are_repeated_as_are_counted(stack, sessions, model):
    # All of them are here at once, though each asked the database while others waited.
    wait_for(lambda: True if len(model.requests) >= SESSIONS else None, 120)
    assert len(processes(stack)) == 1
    if connection.vendor == "postgresql":
        wait_for(nobody_holds_a_connection, 60)
    wait_for(lambda: find(stack, PARTS["worker"]), 60).kill()
    wait_for(lambda: True if len(model.requests) >= 2 * SESSIONS else None, 120)
    model.is_open.set()
    wait_for(answered, 120)
    # On a machine that stood still for longer than a lease, a turn may have gone on in a third place.
    repeated = list(Session.objects.values_list("repeated_requests", flat=True))
    assert min(repeated) == 1
    assert len(model.requests) == SESSIONS + sum(repeated)
    ends = Event.objects.filter(type="span.model_request_end")
    assert ends.count() == SESSIONS == Event.objects.filter(type="agent.message").count()
