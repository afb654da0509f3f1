"""The only writer of the log: takes the session's row lock, numbers and inserts the events, brings the session's and
the thread's columns up to date, leaves outbox rows, and tells followers after the commit."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db import transaction
from django.utils import timezone

from agents.eventlog import statements
from agents.eventlog.channel import publish
from agents.eventlog.fold import Projection, step
from agents.eventlog.wire import wire_event
from agents.exceptions import NotFound
from agents.ids import new_id
from agents.leases import Lease
from agents.models import Event, Session, Thread, Uncounted
from agents.outbox import emit
from agents.storable import storable

TICK = timedelta(microseconds=1)
SESSION_COLUMNS = ("status", "stop_reason", "usage", "spent", "active_seconds", "running_since", "ended_at")
THREAD_COLUMNS = ("status", "usage", "spent", "active_seconds", "running_since")

# Log events that are webhook events too, by their webhook name.
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


type Closing = Callable[[Projection, datetime], list[NewEvent]]


def lock_session(session_id: str, **changes: Any) -> Session:
    """Take the session's row lock by writing to it, then read it; everything that adds input or events does this first,
    so what it reads next is the whole truth until the commit."""
    statements.update_session.run(session_id, updated_at=timezone.now(), **changes)
    session = statements.session_to_write.first(session_id)
    if session is None:
        raise NotFound(f"Session {session_id!r} was not found.")  # it was deleted a moment ago
    return session


def append(
    session_id: str,
    thread: Thread,
    events: Sequence[NewEvent],
    *,
    closing: Closing | None = None,
    locked: Session | None = None,
    lease: Lease | None = None,
    **thread_changes: Any,
) -> list[Event]:
    """Append to `thread` (or to an event's own `thread_id`) inside the caller's transaction; returns the rows.

    `closing` makes more events from the session's state after the others, and is told the moment of the first of them;
    each further one is `TICK` later. `locked` is what `lock_session` returned earlier in this transaction. With a
    `lease` the writing is void (`Fenced`) when the thread is no longer ours; `thread_changes` are columns to set on the
    thread's row besides.
    """
    assert transaction.get_connection().in_atomic_block, "append() belongs into a transaction"
    session = locked or lock_session(session_id)
    numbered = _Numbering(session, thread)
    rows = [numbered.row(event) for event in events]
    threads = _threads_of(rows, thread)
    models = {target.pk: model_of(target) for target in threads}
    state = _fold(_state_of(session, SESSION_COLUMNS), rows, "session.", models)
    if closing:
        now = numbered.next_moment()
        late = [numbered.row(replace(event, at=now)) for event in closing(state, now)]
        rows, state = rows + late, _fold(state, late, "session.", models)
        threads = _threads_of(rows, *threads)
    statements.insert_events.run(rows)
    _write_session(session, state, rows)
    _write_threads(session, threads, rows, lease, thread_changes)
    for row in rows:
        if row.type in WEBHOOK_OF:
            emit(session.workspace_id, WEBHOOK_OF[row.type], session.pk)
    frames = [(row.thread_id, row.seq, wire_event(row)) for row in rows]
    transaction.on_commit(partial(publish, session.pk, frames))
    return rows


class _Numbering:
    """Gives events their place and a processed_at that never goes back within the session."""

    def __init__(self, session: Session, thread: Thread) -> None:
        self._session, self._thread = session, thread
        self._place, self._last = session.next_seq, session.last_processed_at

    def next_moment(self) -> datetime:
        now = timezone.now()
        return now if self._last is None or now > self._last else self._last + TICK

    def row(self, event: NewEvent) -> Event:
        moment = event.at or timezone.now()
        self._last = moment if self._last is None or moment > self._last else self._last + TICK
        self._place += 1
        return Event(
            session_id=self._session.pk,
            thread_id=event.thread_id or self._thread.pk,
            seq=self._place - 1,
            event_id=event.event_id,
            type=event.type,
            payload=storable(event.payload),
            trust=event.trust,
            processed_at=self._last,
        )


def model_of(thread: Thread) -> str:
    """The id of the model that a thread runs on, as usage is counted under it."""
    model = thread.agent_snapshot.get("model")
    return str(model.get("id", "")) if isinstance(model, dict) else str(model or "")


def _threads_of(rows: list[Event], *known: Thread) -> list[Thread]:
    """The known threads, and whichever others the events are on."""
    others = {row.thread_id for row in rows} - {thread.pk for thread in known}
    return [*known, *Thread.objects.filter(pk__in=others)] if others else list(known)


def _fold(state: Projection, rows: list[Event], prefix: str, models: dict[str, str]) -> Projection:
    for row in rows:
        model = models.get(row.thread_id, "")
        state = step(state, row.type, row.payload, row.processed_at, prefix=prefix, model=model)
    return state


def _write_session(session: Session, state: Projection, rows: list[Event]) -> None:
    changes = _changes(_state_of(session, SESSION_COLUMNS), state, SESSION_COLUMNS)
    if rows:
        changes.update(last_processed_at=rows[-1].processed_at, next_seq=rows[-1].seq + 1)
        if session.uncounted is None and "spent" in changes:
            changes["uncounted"] = Uncounted.CHANGED
        statements.update_session.run(session.pk, **changes)
        for name, value in changes.items():
            setattr(session, name, value)


def _write_threads(
    session: Session, threads: list[Thread], rows: list[Event], lease: Lease | None, thread_changes: dict[str, Any]
) -> None:
    """`threads`: the one appended to comes first."""
    for target in threads:
        # A status event names its thread: a child's, cross-posted on the primary thread, counts for the child.
        own = [
            row
            for row in rows
            if row.thread_id == target.pk and row.payload.get("session_thread_id", target.pk) == target.pk
        ]
        before = _state_of(target, THREAD_COLUMNS)
        changes = _changes(before, _fold(before, own, "session.thread_", {target.pk: model_of(target)}), THREAD_COLUMNS)
        if target is threads[0]:
            _write_thread(target, lease, {**changes, **thread_changes}, session.updated_at)
        elif changes:
            _write_thread(target, None, changes, session.updated_at)
        for name, value in changes.items():
            setattr(target, name, value)


def _write_thread(thread: Thread, lease: Lease | None, changes: dict[str, Any], now: datetime) -> None:
    if lease:
        lease.check(updated_at=now, **changes)
    elif changes:
        statements.update_thread.run(thread.pk, updated_at=now, **changes)


def _state_of(row: Session | Thread, columns: tuple[str, ...]) -> Projection:
    values = {name: getattr(row, name) for name in columns}
    return Projection(**{**values, "usage": values["usage"] or {}})


def _changes(before: Projection, after: Projection, columns: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(after, name) for name in columns if getattr(after, name) != getattr(before, name)}
