"""Threads through the official client, with the sessions in which dreams are recorded: those have child threads."""

import anthropic
import pytest
from django.db import transaction

from agents.eventlog.append import NewEvent, append
from agents.models import OutboxEvent, Session, Thread
from dreams.trace import open_threads, open_trace
from tests.dreams import events
from tests.dreams.dreaming import begin, dream_over, session_of, store_of, trace_of
from tests.dreams.messages_server import honest, serving

MODEL = {"id": "m", "effort": {"type": "high"}, "speed": "standard", "inference_geo": None}


@pytest.fixture
def threads(wire):
    return wire.beta.sessions.threads


@pytest.fixture
def trace(actor):
    """The session of a dream that has just begun to read two sessions."""
    session = session_of(actor, events.mended())
    dream = begin(actor, store_of(actor), [session])
    with transaction.atomic():
        trace = open_trace(dream, actor)
        open_threads(trace, [("map 1", "Read one."), ("map 2", "Read two.")], MODEL)
    return trace


def children(trace: Session) -> list[Thread]:
    return list(trace.threads.exclude(parent=None).order_by("created_at", "pk"))


def come_to_rest(trace: Session, thread: Thread) -> None:
    names = {"session_thread_id": thread.pk, "agent_name": thread.agent_name}
    idle = NewEvent(type="session.thread_status_idle", payload={**names, "stop_reason": {"type": "end_turn"}})
    with transaction.atomic():
        append(trace.pk, thread, [idle])


def test_every_session_has_its_primary_thread(threads, session, agent):
    (primary,) = threads.list(session.id)
    assert threads.retrieve(primary.id, session_id=session.id) == primary
    assert (primary.session_id, primary.parent_thread_id, primary.status) == (session.id, None, "idle")
    assert (primary.agent.id, primary.agent.name) == (agent.id, "Ann")
    assert (primary.stats, primary.usage, primary.archived_at) == (None, None, None)
    assert "multiagent" not in primary.agent.to_dict()


def test_children_are_listed_after_their_parent_and_page_by_page(threads, trace):
    everything = list(threads.list(trace.pk))
    assert [thread.id for thread in threads.list(trace.pk, limit=1)] == [thread.id for thread in everything]
    primary, *rest = everything
    assert [thread.id for thread in rest] == [thread.pk for thread in children(trace)]
    assert {thread.parent_thread_id for thread in rest} == {primary.id}
    assert {thread.agent.name for thread in rest} == {"map 1", "map 2"}


def test_threads_are_filtered_by_their_status(threads, trace):
    come_to_rest(trace, children(trace)[0])
    assert [thread.id for thread in threads.list(trace.pk, statuses=["idle"])] == [children(trace)[0].pk]
    assert len(list(threads.list(trace.pk, statuses=["idle", "running"]))) == 3
    with pytest.raises(anthropic.BadRequestError, match="statuses"):
        threads.list(trace.pk, statuses=["asleep"])
    with pytest.raises(anthropic.BadRequestError, match="limit"):
        threads.list(trace.pk, limit=1001)


def test_a_running_thread_counts_its_time_and_shows_usage_when_it_rests(threads, trace):
    child = children(trace)[0]
    running = threads.retrieve(child.pk, session_id=trace.pk)
    assert (running.status, running.stats.startup_seconds, running.usage) == ("running", 0.0, None)
    come_to_rest(trace, child)
    idle = threads.retrieve(child.pk, session_id=trace.pk)
    assert (idle.status, idle.usage.active_seconds) == ("idle", idle.stats.active_seconds)


def test_an_idle_child_is_archived_once_and_both_streams_say_so(wire, threads, trace):
    child = children(trace)[0]
    come_to_rest(trace, child)
    archived = threads.archive(child.pk, session_id=trace.pk)
    assert archived.status == "terminated"
    session = wire.beta.sessions.retrieve(trace.pk)
    assert threads.archive(child.pk, session_id=trace.pk).archived_at == archived.archived_at
    assert wire.beta.sessions.retrieve(trace.pk).updated_at == session.updated_at
    assert session.status == "running"
    on_child = threads.events.list(child.pk, session_id=trace.pk).data[-1]
    on_parent = wire.beta.sessions.events.list(trace.pk).data[-1]
    assert on_child.type == "session.thread_status_terminated"
    assert (on_child.id, on_child.session_thread_id) == (on_parent.id, child.pk)
    emitted = OutboxEvent.objects.get(type="session.thread_terminated")
    assert (emitted.object_id, emitted.data) == (trace.pk, {"session_thread_id": child.pk})


def test_a_running_child_and_a_primary_thread_are_not_archived(threads, trace, session):
    with pytest.raises(anthropic.BadRequestError, match="running"):
        threads.archive(children(trace)[0].pk, session_id=trace.pk)
    primary = threads.list(session.id).data[0]
    with pytest.raises(anthropic.BadRequestError, match="primary"):
        threads.archive(primary.id, session_id=session.id)


def test_a_thread_is_reached_through_its_own_session_only(threads, trace, session):
    child = children(trace)[0]
    for call in (threads.retrieve, threads.archive, threads.events.list):
        with pytest.raises(anthropic.NotFoundError):
            call(child.pk, session_id=session.id)


def test_the_events_of_a_child_are_its_own(wire, threads, trace):
    first, second = children(trace)
    own = list(threads.events.list(first.pk, session_id=trace.pk))
    assert [event.type for event in own] == [
        "agent.thread_message_received",
        "session.thread_status_running",
        "span.model_request_start",
    ]
    assert [event.id for event in threads.events.list(first.pk, session_id=trace.pk, limit=1)] == [
        event.id for event in own
    ]
    others = {event.id for event in threads.events.list(second.pk, session_id=trace.pk)}
    primary = threads.list(trace.pk).data[0]
    main = [event.id for event in wire.beta.sessions.events.list(trace.pk)]
    assert not {event.id for event in own} & (others | set(main))
    assert [event.id for event in threads.events.list(primary.id, session_id=trace.pk)] == main


@pytest.mark.django_db(transaction=True)
def test_a_whole_dream_reads_as_threads(threads, actor):
    sessions = [session_of(actor, events.mended(), principal=name) for name in ("ann", "ben")]
    with serving(honest):
        trace = trace_of(dream_over(actor, store_of(actor), sessions))
    primary, *rest = threads.list(trace.pk)
    assert primary.parent_thread_id is None
    assert [thread.status for thread in rest] == ["terminated"] * 3
    assert all(thread.archived_at and thread.usage.input_tokens for thread in rest)
    for thread in rest:
        types = [event.type for event in threads.events.list(thread.id, session_id=trace.pk)]
        assert types[-1] == "session.thread_status_terminated"
