"""Threads of a session: wake, archive."""

from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from agents import audit, queue
from agents.actors import Actor
from agents.eventlog import statements
from agents.eventlog.append import NewEvent, append, lock_session
from agents.exceptions import InvalidRequest
from agents.models import SessionStatus, Thread
from agents.outbox import emit

RUN_THREAD = "agents.jobs.run_thread"
ONE_MORE = F("wake") + 1


def wake_thread(thread: Thread, *, at_once: bool = False) -> None:
    """Count new input and have a worker look at the thread once this transaction is committed; `at_once` also where it
    waits to try a failed model request again."""
    impatience: dict[str, Any] = {"wake_at": None} if at_once else {}
    statements.update_thread.run(thread.pk, wake=ONE_MORE, enqueued_at=timezone.now(), **impatience)
    queue.enqueue(RUN_THREAD, thread.pk)


@transaction.atomic
def archive_thread(thread: Thread, *, actor: Actor) -> Thread:
    """End an idle child thread for good, which makes room for another; idempotent."""
    if thread.is_archived:
        return thread  # without the lock, which leaves a new time
    session = lock_session(thread.session_id)
    thread = session.threads.get(pk=thread.pk)
    if thread.is_archived:
        return thread
    if thread.is_primary:
        raise InvalidRequest(f"The thread {thread.pk} is the session's primary thread: archive the session instead.")
    if thread.status in (SessionStatus.RUNNING, SessionStatus.RESCHEDULING):
        raise InvalidRequest(f"The thread {thread.pk} is running: interrupt it and wait until it is idle.")
    if thread.status == SessionStatus.IDLE:
        append(session.pk, thread, _terminated(thread))
        emit(session.workspace_id, "session.thread_terminated", session.pk, session_thread_id=thread.pk)
    now = timezone.now()
    Thread.objects.filter(pk=thread.pk).update(archived_at=now, updated_at=now)
    thread.refresh_from_db()
    audit.record(actor, "session.thread_archived", session.pk, name=session.title or "", detail=thread.pk)
    return thread


def _terminated(thread: Thread) -> list[NewEvent]:
    """On the child's own stream, and under the same id on its parent's."""
    names = {"session_thread_id": thread.pk, "agent_name": thread.agent_name}
    event = NewEvent(type="session.thread_status_terminated", payload=names)
    copy = NewEvent(type=event.type, payload=names, event_id=event.event_id, thread_id=thread.parent_id)
    return [event, copy]
