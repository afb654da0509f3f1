"""How long a session and its threads worked, in every field that says so, to the millisecond."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from agents import jobs
from agents.eventlog.append import NewEvent, append
from agents.models import Session, Thread
from agents.services.events import send_events

pytestmark = pytest.mark.django_db(transaction=True)

END = {"stop_reason": {"type": "end_turn"}, "stop_details": None}
HELLO = {"type": "user.message", "content": [{"type": "text", "text": "Hello"}]}


@pytest.fixture
def begun(session):
    """A session that was made 100 s ago, and that moment."""
    then = timezone.now() - timedelta(seconds=100)
    Session.objects.filter(pk=session.id).update(created_at=then)
    Thread.objects.filter(session=session.id).update(created_at=then)
    return Session.objects.get(pk=session.id), then


def log(session, then, *happened):
    """Append `(seconds, thread, what)`: a status of the session, or of the thread where there is one."""
    primary = session.threads.primary().get()
    with transaction.atomic():
        for seconds, thread, status in happened:
            names = {"session_thread_id": thread.pk, "agent_name": "Ann"} if thread else {}
            payload = {**names, **(END if status == "idle" else {})}
            kind = f"session.{'thread_' if thread else ''}status_{status}"
            at = then + timedelta(seconds=seconds)
            append(session.pk, thread or primary, [NewEvent(type=kind, payload=payload, at=at)])


def test_what_threads_do_at_once_counts_twice_in_stats_and_once_in_usage(wire, begun):
    session, then = begun
    primary = session.threads.get()
    snapshot = primary.agent_snapshot
    child = Thread.objects.create(
        session=session, parent=primary, agent_snapshot=snapshot, created_at=then + timedelta(10), updated_at=then
    )
    log(session, then, (0, None, "running"), (0, primary, "running"), (10, child, "running"), (20, primary, "idle"))
    log(session, then, (40, child, "idle"), (40, None, "idle"))
    shown = wire.beta.sessions.retrieve(session.pk)
    assert (shown.stats.active_seconds, shown.usage.active_seconds) == (50, 40)
    threads = {thread.id: thread for thread in wire.beta.sessions.threads.list(session.pk)}
    assert (threads[primary.pk].stats.active_seconds, threads[child.pk].stats.active_seconds) == (20, 30)
    assert (threads[primary.pk].stats.startup_seconds, threads[child.pk].stats.startup_seconds) == (None, 0)
    (listed,) = [row for row in wire.beta.sessions.list() if row.id == session.pk]
    assert (listed.stats.active_seconds, listed.usage) == (50, shown.usage)


def test_the_wait_for_another_try_is_no_work_and_usage_waits_for_the_first_rest(wire, begun):
    session, then = begun
    thread = session.threads.get()
    Thread.objects.filter(pk=thread.pk).update(wake=1)  # its message
    assert wire.beta.sessions.threads.retrieve(thread.pk, session_id=session.pk).stats is None
    log(
        session,
        then,
        (0, None, "running"),
        (0, thread, "running"),
        (5, None, "rescheduled"),
        (5, thread, "rescheduled"),
    )
    waiting = wire.beta.sessions.threads.retrieve(thread.pk, session_id=session.pk)
    assert (waiting.status, waiting.stats.active_seconds, waiting.usage) == ("rescheduling", 5, None)
    thread.refresh_from_db()
    log(session, then, (30, None, "running"), (30, thread, "running"), (32, thread, "idle"), (32, None, "idle"))
    Thread.objects.filter(pk=thread.pk).update(seen=1)
    rested = wire.beta.sessions.threads.retrieve(thread.pk, session_id=session.pk)
    assert (rested.stats.active_seconds, rested.usage.active_seconds) == (7, 7)
    shown = wire.beta.sessions.retrieve(session.pk)
    assert (shown.stats.active_seconds, shown.usage.active_seconds) == (7, 7)


def test_a_turn_under_way_counts_until_now_and_an_archived_session_stands_still(wire, begun):
    session, then = begun
    thread = session.threads.get()
    log(session, then, (90, None, "running"), (90, thread, "running"))
    one, other = (wire.beta.sessions.retrieve(session.pk).stats for _ in range(2))
    assert 10 <= one.active_seconds <= other.active_seconds
    assert 100 <= one.duration_seconds <= other.duration_seconds
    thread.refresh_from_db()
    log(session, then, (95, thread, "idle"), (95, None, "idle"))
    assert wire.beta.sessions.archive(session.pk).stats.active_seconds == 5
    one, other = (wire.beta.sessions.retrieve(session.pk) for _ in range(2))
    assert one == other
    ended = Session.objects.get(pk=session.pk).ended_at
    assert one.stats.duration_seconds == round((ended - then).total_seconds(), 3)


@pytest.mark.parametrize("events", [[HELLO], [HELLO, {"type": "user.interrupt"}]], ids=["a turn", "an interrupt"])
def test_what_a_turn_says_last_is_what_the_session_says_afterwards(wire, session, actor, practice, clean_redis, events):
    row = Session.objects.get(pk=session.id)
    send_events(row, events, actor=actor)
    jobs.run_thread(row.threads.get().pk)
    *_, usage, _ = wire.beta.sessions.events.list(session.id)
    shown = wire.beta.sessions.retrieve(session.id)
    (thread,) = wire.beta.sessions.threads.list(session.id)
    assert usage.usage.to_dict() == shown.usage.to_dict()
    assert shown.stats.active_seconds == thread.stats.active_seconds
