"""A step that kills its worker each time is not tried for ever: the turn ends with an error that says so."""

import os
import signal

import pytest
from django.utils import timezone

from agents import jobs, limits
from agents.models import Thread
from agents.plugs import model_client
from agents.runtime import loop
from agents.services.events import send_events
from tests.agents.test_kill_at_every_step import forget_connections

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def session(make_session, actor, sandbox_host, clean_redis):
    session = make_session()
    say(session, actor, "the first message")
    return session


def say(session, actor, text: str) -> None:
    send_events(session, [{"type": "user.message", "content": [{"type": "text", "text": text}]}], actor=actor)


def lose_a_worker(thread_id: str) -> None:
    """A worker that is killed as soon as it asks the model."""
    pid = os.fork()
    if pid == 0:
        try:
            forget_connections()
            type(model_client()).answer = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
            loop.run_thread(thread_id)
        finally:
            os._exit(1)
    _, status = os.waitpid(pid, 0)
    assert os.WIFSIGNALED(status)
    Thread.objects.filter(pk=thread_id).update(lease_until=timezone.now())


def test_a_step_that_kills_every_worker_ends_its_turn(session, actor):
    thread = session.threads.get()
    for _ in range(limits.STEP_LOSSES_MAX):
        lose_a_worker(thread.pk)
    jobs.run_thread(thread.pk)
    events = list(session.events.in_order())
    errors = [event.payload["error"] for event in events if event.type == "session.error"]
    message = f"Lucid gave up on this turn: {limits.STEP_LOSSES_MAX} workers were lost with the same step."
    assert errors == [{"type": "unknown_error", "message": message, "retry_status": {"type": "exhausted"}}]
    assert events[-1].payload["stop_reason"] == {"type": "retries_exhausted"}
    session.refresh_from_db()
    thread.refresh_from_db()
    assert (session.status, thread.lease_until, thread.seen, thread.losses) == ("idle", None, thread.wake, 0)
    say(session, actor, "the second message")
    jobs.run_thread(thread.pk)
    assert session.events.filter(type="agent.message").exists()


def test_a_step_that_is_done_starts_the_count_again(session, actor):
    thread = session.threads.get()
    for _ in range(2):
        for _ in range(limits.STEP_LOSSES_MAX - 1):
            lose_a_worker(thread.pk)
        jobs.run_thread(thread.pk)
        say(session, actor, "another message")
    assert not session.events.filter(type="session.error").exists()
    assert session.events.filter(type="agent.message").count() == 2
