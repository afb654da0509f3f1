"""What must be true of every session when it has come to rest, whatever was killed meanwhile."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from agents.eventlog.append import SESSION_COLUMNS, THREAD_COLUMNS, model_of
from agents.eventlog.fold import Projection, fold
from agents.models import Event, Session, Thread
from agents.runtime.position import CALL_MEMBER, RESULT_OF


def broken(session_id: str) -> list[str]:
    """What is wrong with the session, in words; nothing if all is well."""
    session = Session.objects.get(pk=session_id)
    events = list(Event.objects.filter(session=session).order_by("seq"))
    found = [*_at_rest(session), *_numbered(session, events), *_paired(events), *_alternating(events)]
    for thread in session.threads.all():
        found += _folded(session, thread, events)
    return [f"{session_id}: {problem}" for problem in found]


def _at_rest(session: Session) -> Iterator[str]:
    if session.status != "idle":
        yield f"the session is {session.status}"
    if session.inbox.exists():
        yield f"{session.inbox.count()} events wait in the inbox"
    for thread in session.threads.all():
        if thread.lease_until is not None or thread.wake != thread.seen or thread.status != "idle":
            state = f"{thread.status}, lease {thread.lease_until}, wake {thread.wake}, seen {thread.seen}"
            yield f"the thread {thread.pk} is not at rest: {state}"


def _numbered(session: Session, events: list[Event]) -> Iterator[str]:
    if [event.seq for event in events] != list(range(1, session.next_seq)):
        yield "the numbers of its events have a gap"
    for event_id, times in Counter(event.event_id for event in events).items():
        if times > 1:
            yield f"the event {event_id} is there {times} times"
    moments = [event.processed_at for event in events]
    if moments != sorted(moments):
        yield "processed_at goes back"


def _paired(events: list[Event]) -> Iterator[str]:
    results = Counter(e.payload[CALL_MEMBER[e.type]] for e in events if e.type in CALL_MEMBER)
    calls = {event.event_id: event.type for event in events if event.type in RESULT_OF}
    for call, type in calls.items():
        if results[call] != 1:
            yield f"{type} {call} has {results[call]} results"
    for call in results.keys() - calls.keys():
        yield f"a result names {call}, which is no call"
    ends = Counter(e.payload["model_request_start_id"] for e in events if e.type == "span.model_request_end")
    for request in (event.event_id for event in events if event.type == "span.model_request_start"):
        if ends[request] != 1:
            yield f"the model request {request} ended {ends[request]} times"


def _alternating(events: list[Event]) -> Iterator[str]:
    """Each `session.status_running` is ended by one `session.status_idle`, with retries between the two; a session that
    waits for several answers says so again after the first."""
    allowed = {
        "idle": ("running",),
        "waiting": ("running", "idle", "waiting"),
        "running": ("idle", "waiting", "rescheduled"),
        "rescheduled": ("running", "idle"),
    }
    now = "idle"
    for event in events:
        if event.type.startswith("session.status_"):
            waits = (event.payload.get("stop_reason") or {}).get("type") == "requires_action"
            then = "waiting" if waits else event.type.removeprefix("session.status_")
            if then not in allowed[now]:
                yield f"{now} is followed by {then} at {event.seq}"
            now = then


def _folded(session: Session, thread: Thread, events: list[Event]) -> Iterator[str]:
    """The columns are what the log says."""
    model = model_of(thread)
    pairs: list[tuple[Any, tuple[str, ...], str]] = [
        (session, SESSION_COLUMNS, "session."),
        (thread, THREAD_COLUMNS, "session.thread_"),
    ]
    for row, columns, prefix in pairs:
        state = fold(((e.type, e.payload, e.processed_at) for e in events), prefix=prefix, model=model)
        empty = Projection()
        for name in columns:
            stored = getattr(row, name) if getattr(row, name) is not None else getattr(empty, name)
            if stored != getattr(state, name):
                yield f"{prefix}{name} is {stored}, and its log says {getattr(state, name)}"


def unanswered(answers: dict[str, tuple[str, bool]]) -> list[str]:
    """Messages that are not in their log exactly once, or not answered exactly once."""
    found = []
    for marker, (session_id, may_lack) in answers.items():
        events = list(Event.objects.filter(session_id=session_id, type__in=["user.message", "agent.message"]))
        texts = [(e.type, block["text"]) for e in events for block in e.payload["content"] if block["type"] == "text"]
        sent = sum(type == "user.message" and text.startswith(f"{marker}\n") for type, text in texts)
        said = texts.count(("agent.message", f"answer to {marker}"))
        if sent != 1 or said > 1 or (said == 0 and not may_lack):
            found.append(f"{session_id}: the message {marker} is there {sent} times and was answered {said} times")
    return found
