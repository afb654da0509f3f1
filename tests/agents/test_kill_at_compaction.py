"""A worker that is killed with SIGKILL anywhere around a compaction leaves a context compacted exactly once."""

from itertools import count

import pytest
from django.conf import settings

from agents.eventlog.fold import fold
from agents.eventlog.wire import COMPACTED
from agents.services.agents import create_agent
from agents.services.events import send_events
from agents.services.sessions import create_session
from tests.agents.test_kill_at_every_step import BOUNDARIES_MAX, recover, run_and_die

LONG = "Say hello. " + "This is long. " * 4_000
BEGINNING = ["session.status_running", "session.thread_status_running", "user.message"]
REFUSED = ["span.model_request_start", "span.model_request_end"]
END = [
    *(COMPACTED, "span.model_request_start", "agent.message", "span.model_request_end"),
    *("session.thread_status_idle", "session.usage", "session.status_idle"),
]


@pytest.fixture
def make_session(actor, environment, practice, clean_redis):
    agent = create_agent({"name": "Worker", "model": "practice-8k"}, actor=actor)
    return lambda: create_session({"agent": agent.pk, "environment_id": environment.pk}, actor=actor)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("windows", "outline"),
    [({}, [*BEGINNING, *END]), ({"practice-8k": 100_000}, [*BEGINNING, *REFUSED, *END])],
    ids=["before it is too long", "when the model says so"],
)
def test_the_context_is_compacted_exactly_once(make_session, actor, monkeypatch, windows, outline):
    monkeypatch.setattr(settings, "LUCID_MODEL_WINDOWS", windows)
    for boundary in count(1):
        session = make_session()
        send_events(session, [{"type": "user.message", "content": [{"type": "text", "text": LONG}]}], actor=actor)
        was_killed = run_and_die(session.threads.get().pk, boundary)
        recover(session)
        check(session, outline, boundary)
        assert boundary < BOUNDARIES_MAX
        if not was_killed:
            break
    assert boundary > 20


def check(session, outline, boundary):
    session.refresh_from_db()
    events = list(session.events.in_order())
    assert [event.type for event in events] == outline, f"killed at boundary {boundary}"
    state = fold([(event.type, event.payload, event.processed_at) for event in events], model="practice-8k")
    assert (state.usage, state.spent) == (session.usage, session.spent)
    assert session.stop_reason == {"type": "end_turn"}
    thread = session.threads.get()
    assert (thread.lease_until, thread.wake) == (None, thread.seen)
