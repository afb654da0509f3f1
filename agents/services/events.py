"""What clients send into a session: answers to calls are in the log at once, the rest waits in the inbox for a turn."""

from collections.abc import Sequence
from functools import lru_cache, partial
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.db.models.expressions import Combinable
from django.utils import timezone

from agents import audit, limits
from agents.access import access_thread
from agents.actors import Actor
from agents.client_events import CONFIRMATION, ON_RECEIPT, RESULTS, SYSTEM, is_lone_system
from agents.eventlog import statements
from agents.eventlog.append import NewEvent, append, lock_session, model_of
from agents.eventlog.channel import publish
from agents.eventlog.statements import INTERRUPT
from agents.eventlog.wire import queued_event, wire_event
from agents.exceptions import InvalidRequest
from agents.model_facts import takes_system_messages
from agents.models import InboxEvent, Session, SessionKind, SessionStatus, Thread
from agents.services import budgets
from agents.services.answers import answer_call
from agents.services.named_files import check_named_files
from agents.services.threads import wake_thread
from agents.services.work_queue import queue_work

# What a client decides about a running session; what it says stays in the session's own log.
DECISIONS = {INTERRUPT: "session.interrupted", CONFIRMATION: "session.tool_confirmed"}


@transaction.atomic
def send_events(session: Session, events: Sequence[dict[str, Any]], *, actor: Actor) -> list[dict[str, Any]]:
    """Take a batch of client events, all or none, and return them as the wire shows them: what answers a call is in
    the log at once, the rest is queued."""
    check_named_files(events, actor=actor)
    session = lock_session(session.pk, next_position=_positions(len(events)))
    if session.is_terminated or session.is_archived:
        raise InvalidRequest(f"The session {session.pk} is {session.end_word}: it takes no more events.")
    if session.kind != SessionKind.AGENT:
        raise InvalidRequest(f"The session {session.pk} is a record: it takes no events.")
    thread = _primary_thread(session)
    if _waiting(session) + len(events) > limits.QUEUED_EVENTS_MAX:
        raise InvalidRequest(f"events: at most {limits.QUEUED_EVENTS_MAX} events may wait in one session.")
    budgets.check_events_at_cap(session, [event["type"] for event in events])
    is_paused = budgets.is_paused(session)
    _check_place_of_system(session, events)
    _check_model_takes_system(thread, events)
    first = session.next_position - len(events)
    shown = [
        _answer(session, event, f"events.{index}", actor)
        if event["type"] in ON_RECEIPT
        else budgets.ignored(event)
        if is_paused and event["type"] == INTERRUPT
        else _log_system(session, thread, event, actor)
        if event["type"] == SYSTEM and not _follows_message(events)
        else _queue(session, thread, event, first + index, actor)
        for index, event in enumerate(events)
    ]
    if is_lone_system(events):
        return shown  # it is for the next turn and starts none
    if any(event["type"] != INTERRUPT for event in events):
        queue_work(session)
    wake_thread(thread, at_once=any(event["type"] == INTERRUPT for event in events))
    for event in events:
        if action := DECISIONS.get(event["type"]):
            audit.record(actor, action, session.pk, name=session.title or "", detail=event.get("result") or "")
    return shown


@lru_cache(maxsize=64)
def _positions(count: int) -> Combinable:
    """The inbox's next position after `count` more; one expression for each count, so that its SQL is made once."""
    return F("next_position") + count


def _primary_thread(session: Session) -> Thread:
    thread = statements.primary_thread.first(session.pk)
    assert thread is not None, "every session has one"
    return thread


def _waiting(session: Session) -> int:
    counted = statements.mail_count.first(session.pk)
    return counted[0] if counted else 0


def _queue(session: Session, thread: Thread, event: dict[str, Any], position: int, actor: Actor) -> dict[str, Any]:
    if event.get("session_thread_id") not in (None, thread.pk):
        thread = _child(session, event["session_thread_id"])
        wake_thread(thread, at_once=True)
    row = InboxEvent(
        session=session,
        thread=thread,
        position=position,
        type=event["type"],
        payload={name: value for name, value in event.items() if name != "type"},
        trust=actor.trust,
        created_at=timezone.now(),
    )
    statements.insert_mail.run([row])
    queued = queued_event(row)
    transaction.on_commit(partial(publish, session.pk, [(thread.pk, None, queued)]))
    return queued


def _child(session: Session, thread_id: str) -> Thread:
    """The thread that an interrupt names; the others go on."""
    thread = access_thread(session, thread_id)
    if thread.status == SessionStatus.TERMINATED:
        raise InvalidRequest(f"session_thread_id: the thread {thread_id} is terminated: there is nothing to interrupt.")
    return thread


def _check_place_of_system(session: Session, events: Sequence[dict[str, Any]]) -> None:
    """A system message alone is for a session at rest; while calls wait, it comes with the result of one."""
    if events[-1]["type"] != SYSTEM or (len(events) > 1 and events[-2]["type"] in RESULTS):
        return
    field = f"events.{len(events) - 1}"
    if (session.stop_reason or {}).get("type") == "requires_action" and session.status == SessionStatus.IDLE:
        raise InvalidRequest(
            f"{field}: while calls wait, a system.message must directly follow {' or '.join(RESULTS)}."
        )
    if len(events) == 1 and session.status != SessionStatus.IDLE:
        raise InvalidRequest(f"{field}: a system.message alone is taken while the session is idle.")


def _check_model_takes_system(thread: Thread, events: Sequence[dict[str, Any]]) -> None:
    model = model_of(thread)
    if events[-1]["type"] == SYSTEM and not takes_system_messages(model, settings.LUCID_MODELS_WITHOUT_SYSTEM_MESSAGES):
        raise InvalidRequest(
            f"events.{len(events) - 1}: the model {model!r} takes no system message in the middle of a conversation.",
            code="model_does_not_support_mid_conversation_system",
        )


def _follows_message(events: Sequence[dict[str, Any]]) -> bool:
    return len(events) > 1 and events[-2]["type"] == "user.message"


def _answer(session: Session, event: dict[str, Any], field: str, actor: Actor) -> dict[str, Any]:
    try:
        return answer_call(session, event, actor=actor)
    except InvalidRequest as refusal:
        raise InvalidRequest(f"{field}.{refusal.message}", code=refusal.code) from refusal


def _log_system(session: Session, thread: Thread, event: dict[str, Any], actor: Actor) -> dict[str, Any]:
    """What comes with a call's result, or for the next turn, is in the log at once."""
    payload = {"content": event["content"]}
    return wire_event(append(session.pk, thread, [NewEvent(type=SYSTEM, payload=payload, trust=actor.trust)])[0])
