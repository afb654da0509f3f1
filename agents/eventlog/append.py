"""The only writer of the log: takes the session's row lock, numbers and inserts the events, brings the session's and
the thread's columns up to date, leaves outbox rows, and tells followers after the commit."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from agents.eventlog.channel import publish
from agents.eventlog.fold import Projection, step
from agents.eventlog.wire import wire_event
from agents.ids import new_id
from agents.models import Event, Session, Thread
from agents.outbox import emit

TICK = timedelta(microseconds=1)
SESSION_COLUMNS = ("status", "stop_reason", "usage", "active_seconds", "running_since", "ended_at")
THREAD_COLUMNS = ("status", "usage", "active_seconds", "running_since")

# Log events that are webhook events too (contract H.2), by their webhook name.
WEBHOOK_OF = {
    "session.status_running": "session.status_run_started",
    "session.status_idle": "session.status_idled",
    "session.status_rescheduled": "session.status_rescheduled",
    "session.status_terminated": "session.status_terminated",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvent:
    """What to append; `event_id` is given when the event already had one: a client's, or a call that is cross-posted.
    `at` is given for imported events, which happened before they were written."""

    type: str
    payload: dict[str, Any] = field(default_factory=dict)
    event_id: str = field(default_factory=partial(new_id, "event"))
    trust: int = 0
    thread_id: str | None = None
    at: datetime | None = None


def lock_session(session_id: str, **changes: Any) -> Session:
    """Take the session's row lock by writing to it, then read it; everything that adds input or events does this first,
    so what it reads next is the whole truth until the commit."""
    Session.objects.filter(pk=session_id).update(updated_at=timezone.now(), **changes)
    return Session.objects.get(pk=session_id)


def append(session_id: str, thread: Thread, events: Sequence[NewEvent]) -> list[Event]:
    """Append to `thread` (or to the event's own `thread_id`) inside the caller's transaction; returns the rows."""
    assert transaction.get_connection().in_atomic_block, "append() belongs into a transaction"
    session = lock_session(session_id, next_seq=F("next_seq") + len(events))
    first = session.next_seq - len(events)
    rows = _insert(session, thread, events, first)
    _project_session(session, rows)
    _project_threads(session, thread, rows)
    for row in rows:
        if row.type in WEBHOOK_OF:
            emit(session.workspace_id, WEBHOOK_OF[row.type], session.pk)
    frames = [(row.thread_id, row.seq, wire_event(row)) for row in rows]
    transaction.on_commit(partial(publish, session.pk, frames))
    return rows


def _insert(session: Session, thread: Thread, events: Sequence[NewEvent], first: int) -> list[Event]:
    last, rows = session.last_processed_at, []
    for place, event in enumerate(events, start=first):
        moment = event.at or timezone.now()
        last = moment if last is None or moment > last else last + TICK
        rows.append(
            Event(
                session_id=session.pk,
                thread_id=event.thread_id or thread.pk,
                seq=place,
                event_id=event.event_id,
                type=event.type,
                payload=event.payload,
                trust=event.trust,
                processed_at=last,
            )
        )
    return Event.objects.bulk_create(rows)


def _project_session(session: Session, rows: list[Event]) -> None:
    before = state = _state_of(session, SESSION_COLUMNS)
    for row in rows:
        state = step(state, row.type, row.payload, row.processed_at, prefix="session.")
    changes = _changes(before, state, SESSION_COLUMNS)
    if rows:
        changes["last_processed_at"] = rows[-1].processed_at
    if changes:
        Session.objects.filter(pk=session.pk).update(**changes)


def _project_threads(session: Session, thread: Thread, rows: list[Event]) -> None:
    # A status event names its thread: a child's is cross-posted on the primary thread, where only the child's counts.
    own = {row.thread_id for row in rows}
    threads = {thread.pk: thread} | {row.pk: row for row in Thread.objects.filter(pk__in=own - {thread.pk})}
    for thread_id, target in threads.items():
        before = state = _state_of(target, THREAD_COLUMNS)
        for row in rows:
            if row.thread_id == thread_id and row.payload.get("session_thread_id", thread_id) == thread_id:
                state = step(state, row.type, row.payload, row.processed_at, prefix="session.thread_")
        changes = _changes(before, state, THREAD_COLUMNS)
        if changes:
            Thread.objects.filter(pk=thread_id).update(updated_at=session.updated_at, **changes)
            for name, value in changes.items():
                setattr(target, name, value)


def _state_of(row: Session | Thread, columns: tuple[str, ...]) -> Projection:
    values = {name: getattr(row, name) for name in columns}
    return Projection(**{**values, "usage": values["usage"] or {}})


def _changes(before: Projection, after: Projection, columns: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(after, name) for name in columns if getattr(after, name) != getattr(before, name)}
