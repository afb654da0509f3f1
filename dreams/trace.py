"""A dream as a session: its requests are threads, their work is events; what a trace shows of any other session it
shows of a dream."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from agents import trust
from agents.actors import Actor
from agents.eventlog.append import NewEvent, append
from agents.eventlog.fold import usage_shape
from agents.exceptions import Conflict
from agents.models import Agent, AgentVersion, Environment, Session, SessionKind, SessionStatus, Thread
from agents.outbox import emit
from agents.services.agents import create_agent
from agents.services.environments import create_environment
from agents.services.sessions import open_session
from dreams.asking import Answer, Attempt
from dreams.claims import Dropped
from dreams.models import Dream

AGENT_NAME = "Dreamer"
ENVIRONMENT_NAME = "Dreams (internal)"
SHOWN_INPUT_CHARS = 60_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """One request that ended: its thread, what was answered, what code kept and dropped of it."""

    thread: Thread
    span_id: str
    tool: str
    answer: Answer
    kept: int
    dropped: tuple[Dropped, ...]
    noun: str

    @property
    def summary(self) -> str:
        if self.answer.problem:
            return f"No {self.noun}: {self.answer.problem}"
        lines = [f"{self.kept} {self.noun} kept, {len(self.dropped)} dropped."]
        lines += [f"{dropped.what}: {dropped.why}" for dropped in self.dropped]
        return "\n".join(lines)


def open_trace(dream: Dream, actor: Actor) -> Session:
    """The dream's session, running, in the caller's transaction."""
    agent, version = _internal_agent(actor)
    version.definition = {**version.definition, "model": dict(dream.model)}
    session = open_session(
        agent,
        version,
        _internal_environment(actor),
        actor=actor,
        title=f"Dream over {len(dream.input_session_ids)} sessions",
        metadata={"dream_id": dream.pk},
        kind=SessionKind.DREAM,
        is_practice=dream.is_practice,
    )
    thread = primary_of(session)
    append(session.pk, thread, [NewEvent(type="session.status_running"), _status(thread, "running")])
    return session


def primary_of(session: Session) -> Thread:
    return session.threads.get(parent=None)


def note(session: Session, text: str) -> None:
    """A line on the primary thread, in the caller's transaction: a phase that ended."""
    append(session.pk, primary_of(session), [NewEvent(type="agent.message", payload=_content(text))])


def open_threads(
    session: Session, titles: Sequence[tuple[str, str]], model: dict[str, Any]
) -> list[tuple[Thread, str]]:
    """A thread with an open model request for each `(name, task)`, in the caller's transaction."""
    parent, now = primary_of(session), timezone.now()
    opened: list[tuple[Thread, str]] = []
    events: list[NewEvent] = []
    for name, task in titles:
        snapshot = {**parent.agent_snapshot, "name": name, "model": model}
        thread = Thread.objects.create(
            session=session, parent=parent, agent_snapshot=snapshot, created_at=now, updated_at=now
        )
        span = NewEvent(type="span.model_request_start", thread_id=thread.pk)
        opened.append((thread, span.event_id))
        events += [*_opening(thread, parent, task), span]
    append(session.pk, parent, events)
    return opened


def reopen_thread(session: Session, thread: Thread, span_id: str) -> str:
    """Another model request on a thread whose worker was killed while it waited; the old one is closed as failed."""
    span = NewEvent(type="span.model_request_start", thread_id=thread.pk)
    append(session.pk, primary_of(session), [_span_end(thread, span_id, {}, is_error=True), span])
    return span.event_id


def _opening(thread: Thread, parent: Thread, task: str) -> list[NewEvent]:
    names = {"session_thread_id": thread.pk, "agent_name": thread.agent_name}
    sent = {"to_session_thread_id": thread.pk, "to_agent_name": thread.agent_name, **_content(task)}
    received = {"from_session_thread_id": parent.pk, **_content(task)}
    return [
        NewEvent(type="session.thread_created", payload=names),
        NewEvent(type="session.thread_status_running", payload=names),
        NewEvent(type="agent.thread_message_sent", payload=sent),
        NewEvent(type="agent.thread_message_received", payload=received, thread_id=thread.pk),
        NewEvent(type="session.thread_status_running", payload=names, thread_id=thread.pk),
    ]


def close_threads(session: Session, finished: Sequence[Finished]) -> None:
    """What each request came to, and the end of its thread, in the caller's transaction."""
    parent = primary_of(session)
    events = [event for done in finished for event in _closing(done, parent)]
    append(session.pk, parent, events)
    Thread.objects.filter(pk__in=[done.thread.pk for done in finished]).update(archived_at=timezone.now())


def _closing(done: Finished, parent: Thread) -> list[NewEvent]:
    thread = done.thread
    names = {"session_thread_id": thread.pk, "agent_name": thread.agent_name}
    idle = {**names, "stop_reason": {"type": "end_turn"}}
    on_child = [
        *_attempts(done),
        *_verification(done),
        NewEvent(type="agent.message", payload=_content(done.summary)),
        NewEvent(
            type="agent.thread_message_sent", payload={"to_session_thread_id": parent.pk, **_content(done.summary)}
        ),
        NewEvent(type="session.thread_status_idle", payload=idle),
        NewEvent(type="session.thread_status_terminated", payload=names),
    ]
    received = {
        "from_session_thread_id": thread.pk,
        "from_agent_name": thread.agent_name,
        **_content(done.summary),
    }
    on_parent = [
        NewEvent(type="agent.thread_message_received", payload=received),
        NewEvent(type="session.thread_status_idle", payload=idle),
    ]
    return [*(_on(thread, event) for event in on_child), *on_parent]


def _attempts(done: Finished) -> list[NewEvent]:
    """The spans of every try: the first is open already."""
    events: list[NewEvent] = []
    span_id = done.span_id
    for i, attempt in enumerate(done.answer.attempts):
        if i:
            span = NewEvent(type="span.model_request_start")
            span_id = span.event_id
            events.append(span)
        events.append(_span_end(done.thread, span_id, attempt.usage, is_error=attempt.error is not None))
        if attempt.error is not None:
            events.append(_error(attempt, is_last=i == len(done.answer.attempts) - 1))
    return events


def _verification(done: Finished) -> list[NewEvent]:
    """The forced call, and what code let through of it."""
    if done.answer.problem:
        return []
    shown = json.dumps(done.answer.given, ensure_ascii=False)
    given = done.answer.given if len(shown) <= SHOWN_INPUT_CHARS else {"too_long": shown[:SHOWN_INPUT_CHARS]}
    use = NewEvent(
        type="agent.tool_use",
        payload={"name": done.tool, "input": given, "evaluated_permission": "allow"},
        trust=trust.OUTSIDE,
    )
    result = {"tool_use_id": use.event_id, "is_error": bool(done.dropped and not done.kept), **_content(done.summary)}
    return [use, NewEvent(type="agent.tool_result", payload=result)]


def _span_end(thread: Thread, span_id: str, usage: dict[str, int], *, is_error: bool) -> NewEvent:
    counters = ("input_tokens", "output_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    payload = {
        "model_request_start_id": span_id,
        "model_usage": {name: usage.get(name, 0) for name in counters},
        "is_error": is_error,
    }
    return NewEvent(type="span.model_request_end", payload=payload, thread_id=thread.pk)


def _error(attempt: Attempt, *, is_last: bool) -> NewEvent:
    error = attempt.error
    assert error is not None, "only failed attempts have an error to show"
    retry = {"type": "exhausted" if is_last else "retrying"}
    return NewEvent(
        type="session.error",
        payload={"error": {"type": error.type, "message": error.message, "retry_status": retry}},
    )


def end_trace(session: Session, text: str, *, error: str = "") -> None:
    """Say how it ended, bring every thread to rest and archive the session, in the caller's transaction."""
    session = Session.objects.get(pk=session.pk)
    if session.is_archived:
        return
    parent, now = primary_of(session), timezone.now()
    _terminate_children(session, parent)
    events = [NewEvent(type="agent.message", payload=_content(text))]
    if error:
        body = {"type": "unknown_error", "message": error, "retry_status": {"type": "terminal"}}
        events.insert(0, NewEvent(type="session.error", payload={"error": body}))
    reason = {"stop_reason": {"type": "end_turn"}}
    fresh = Session.objects.get(pk=session.pk)
    active = fresh.active_seconds + ((now - fresh.running_since).total_seconds() if fresh.running_since else 0.0)
    if fresh.status == SessionStatus.RUNNING:
        events += [
            _status(parent, "idle", **reason),
            NewEvent(type="session.usage", payload={"usage": usage_shape(fresh.usage or {}, active)}),
            NewEvent(type="session.status_idle", payload=reason),
        ]
    events += [_status(parent, "terminated"), NewEvent(type="session.status_terminated")]
    append(session.pk, parent, events)
    Session.objects.filter(pk=session.pk).update(archived_at=now)
    Thread.objects.filter(session=session, archived_at=None).update(archived_at=now)
    emit(session.workspace_id, "session.archived", session.pk)


def _terminate_children(session: Session, parent: Thread) -> None:
    """Threads that were waiting when the dream ended."""
    events = []
    for thread in session.threads.filter(parent=parent, archived_at=None):
        names = {"session_thread_id": thread.pk, "agent_name": thread.agent_name}
        idle = {**names, "stop_reason": {"type": "end_turn"}}
        events += [
            _on(thread, NewEvent(type="session.thread_status_idle", payload=idle)),
            _on(thread, NewEvent(type="session.thread_status_terminated", payload=names)),
            NewEvent(type="session.thread_status_idle", payload=idle),
        ]
    if events:
        append(session.pk, parent, events)


def _on(thread: Thread, event: NewEvent) -> NewEvent:
    return NewEvent(
        type=event.type, payload=event.payload, event_id=event.event_id, trust=event.trust, thread_id=thread.pk
    )


def _status(thread: Thread, status: str, **payload: Any) -> NewEvent:
    names = {"session_thread_id": thread.pk, "agent_name": thread.agent_name}
    return NewEvent(type=f"session.thread_status_{status}", payload={**names, **payload})


def _content(text: str) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": text}]}


def _internal_agent(actor: Actor) -> tuple[Agent, AgentVersion]:
    agent = Agent.objects.in_workspace(actor.workspace).filter(is_internal=True, name=AGENT_NAME).first()
    if agent is None:
        body = {"name": AGENT_NAME, "model": "dream", "description": "Reads finished sessions and proposes changes."}
        agent = create_agent(body, actor=actor, is_internal=True)
    return agent, agent.versions.get(number=agent.version)


def _internal_environment(actor: Actor) -> Environment:
    rows = Environment.objects.in_workspace(actor.workspace).filter(is_internal=True, name=ENVIRONMENT_NAME)
    if found := rows.first():
        return found
    try:
        with transaction.atomic():
            body = {"name": ENVIRONMENT_NAME, "description": "Where dreams run."}
            return create_environment(body, actor=actor, is_internal=True)
    except (Conflict, IntegrityError):
        return rows.get()
