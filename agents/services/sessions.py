"""Sessions: create (which freezes the agent), send events, archive, record a verdict."""

from collections.abc import Collection, Sequence
from contextlib import suppress
from functools import lru_cache, partial
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, QuerySet
from django.db.models.expressions import Combinable
from django.utils import timezone

from agents import audit, limits, long_results, queue, trust
from agents.access import access_agent_version, access_environment, access_thread
from agents.actors import Actor
from agents.client_events import ON_RECEIPT, RESULTS, SYSTEM, is_lone_system
from agents.definitions.tools import is_enabled
from agents.environment_config import WORKERS_TOOLS
from agents.eventlog import statements
from agents.eventlog.append import NewEvent, append, lock_session, model_of
from agents.eventlog.channel import publish
from agents.eventlog.wire import PRIVATE, queued_event, wire_event
from agents.exceptions import InvalidRequest, NotFound
from agents.model_facts import takes_system_messages
from agents.models import (
    Agent,
    AgentVersion,
    Deployment,
    Environment,
    Event,
    InboxEvent,
    Session,
    SessionKind,
    SessionResource,
    SessionStatus,
    Thread,
    Verdict,
    VerdictResult,
    Workspace,
)
from agents.outbox import emit
from agents.overrides import overridden
from agents.plugs import model_client, resource_kinds
from agents.services import budgets
from agents.services.agent_extensions import default_resources
from agents.services.environments import check_mounts, check_reach, hold
from agents.services.named_files import check_named_files
from agents.services.rosters import snapshot_of
from agents.services.skills import check_pins, pin
from agents.services.vaults import checked_vault_ids
from agents.services.work_queue import queue_work, release_work

RUN_THREAD = "agents.jobs.run_thread"
ONE_MORE = F("wake") + 1
INTERRUPT = "user.interrupt"
CONFIRMATION = "user.tool_confirmation"
WORKERS_RESULT = "user.tool_result"
TAKERS = {
    CONFIRMATION: "a tool call that asks for permission",
    "user.custom_tool_result": "a custom tool call",
    WORKERS_RESULT: "a call of a tool that workers carry out",
}
# What a client decides about a running session; what it says stays in the session's own log.
DECISIONS = {INTERRUPT: "session.interrupted", "user.tool_confirmation": "session.tool_confirmed"}


def create_session(body: dict[str, Any], *, actor: Actor, deployment: Deployment | None = None) -> Session:
    """`body` has the wire's create members, shapes checked. An invalid resource or event creates nothing; with initial
    events the session is returned running."""
    agent, version = _pinned_agent(body["agent"], actor)
    environment = access_environment(actor, body["environment_id"])
    for noun, row in (("agent", agent), ("environment", environment)):
        if row.is_archived:
            raise InvalidRequest(f"The {noun} {row.pk} is archived.")
    check_pins(version.definition, actor.workspace)
    named = body.get("resources") or []
    resources = _checked_resources([*named, *default_resources(agent, named)], actor)
    vault_ids = checked_vault_ids(body.get("vault_ids") or [], actor=actor)
    with transaction.atomic():
        session = open_session(
            agent,
            version,
            environment,
            title=body.get("title"),
            metadata=body.get("metadata") or {},
            vault_ids=vault_ids,
            actor=actor,
            deployment=deployment,
            budget=body.get("budget"),
        )
        budgets.checked_budget(session.budget, session.agent_snapshot, actor.workspace)
        check_mounts(environment, {kind for kind, _, _ in resources})
        check_reach(environment, session.agent_snapshot)
        _attach(session, resources)
        queue_work(session)
        if initial := body.get("initial_events"):
            thread = session.threads.get()
            append(session.pk, thread, _running(thread))
            send_events(session, initial, actor=actor)
        session.refresh_from_db()  # before the commit: a worker may have ended the turn a moment after it
    return session


class _Checked(Exception):
    """Takes back what `check_session` made."""


def check_session(body: dict[str, Any], *, actor: Actor) -> None:
    """Refuse what `create_session` would refuse at this moment, by the same rules: it is called and taken back."""
    with suppress(_Checked), transaction.atomic():
        create_session(body, actor=actor)
        raise _Checked


def open_session(
    agent: Agent,
    version: AgentVersion,
    environment: Environment,
    *,
    actor: Actor,
    title: str | None = None,
    metadata: dict[str, str] | None = None,
    kind: str = SessionKind.AGENT,
    is_practice: bool | None = None,
    **columns: Any,
) -> Session:
    """The rows every session begins with, inside the caller's transaction: itself and its primary thread."""
    now = timezone.now()
    snapshot = snapshot_of(agent, version)
    metadata = metadata or {}
    session = Session.objects.create(
        **{
            "workspace": actor.workspace,
            "kind": kind,
            "agent": agent,
            "agent_version": version.number,
            "agent_snapshot": snapshot,
            "environment": environment,
            "title": title,
            "metadata": metadata,
            "principal": principal_of(actor.workspace, metadata, actor),
            "is_practice": model_client().is_practice if is_practice is None else is_practice,
            "created_at": now,
            "updated_at": now,
            **columns,
        }
    )
    Thread.objects.create(session=session, agent_snapshot=snapshot, created_at=now, updated_at=now)
    if kind == SessionKind.AGENT:
        hold(environment)
        emit(actor.workspace, "session.created", session.pk)
        audit.record(actor, "session.created", session.pk, name=session.title or "")
    return session


def principal_of(workspace: Workspace, metadata: dict[str, str], actor: Actor) -> str:
    """On whose behalf the session runs: what its metadata names, else the member, else the API key."""
    return metadata.get(workspace.principal_key) or actor.id


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


def answer_call(session: Session, event: dict[str, Any], *, actor: Actor) -> dict[str, Any]:
    """Log a client's answer to a call, inside the caller's transaction; a second result for one call is ignored."""
    kind = event["type"]
    member = "custom_tool_use_id" if kind == "user.custom_tool_result" else "tool_use_id"
    if kind == WORKERS_RESULT and not session.environment.is_self_hosted:
        raise InvalidRequest(f"type: only sessions of a self-hosted environment take {kind}, from their worker.")
    call = session.events.filter(event_id=event[member]).first()
    if call is None or not _takes(call, kind):
        raise InvalidRequest(f"{member}: {event[member]!r} is not {TAKERS[kind]} of this session.")
    earlier = _said_since(call).filter(type=kind, **{f"payload__{member}": call.event_id})
    if found := earlier.first():
        if kind != CONFIRMATION:
            return wire_event(found)
        raise InvalidRequest(f"{member}: {call.event_id!r} was decided already.")
    if _is_answered(call):
        raise InvalidRequest(f"{member}: {call.event_id!r} is over: its result is in the log.")
    if kind == WORKERS_RESULT and not _is_allowed(call):
        raise InvalidRequest(f"{member}: {call.event_id!r} was not allowed to run.")
    payload = {name: value for name, value in event.items() if name != "type"}
    if kind != CONFIRMATION and _becomes_file(call, session, event):
        payload[PRIVATE] = {"file": long_results.path_of(call.event_id)}
    is_workers = kind == WORKERS_RESULT and not actor.api_key and bool(event.get("is_error"))
    level = trust.TOOL_ERROR if is_workers else trust.OUTSIDE
    row = append(session.pk, call.thread, [NewEvent(type=kind, payload=payload, trust=level)])[0]
    return wire_event(row)


def _takes(call: Event, kind: str) -> bool:
    if kind == "user.custom_tool_result":
        return call.type == "agent.custom_tool_use"
    if kind == WORKERS_RESULT:
        return call.type == "agent.tool_use" and call.payload.get("name") in WORKERS_TOOLS
    is_ours = call.type in ("agent.tool_use", "agent.mcp_tool_use")
    return is_ours and call.payload.get("evaluated_permission") == "ask"


def _becomes_file(call: Event, session: Session, event: dict[str, Any]) -> bool:
    """Whether the result is too long for the model, and there is a box where it can look into the whole of it."""
    if session.environment.is_self_hosted or not long_results.is_long(event.get("content")):
        return False
    return any(is_enabled(call.thread.agent_snapshot["tools"], name) for name in long_results.READERS)


def _is_allowed(call: Event) -> bool:
    """Whether the platform allowed the call, or a person did where it asked."""
    if call.payload.get("evaluated_permission") == "ask":
        said = _said_since(call).filter(type=CONFIRMATION, payload__tool_use_id=call.event_id)
        return said.filter(payload__result="allow").exists()
    return call.payload.get("evaluated_permission") != "deny"


def _is_answered(call: Event) -> bool:
    member = "mcp_tool_use_id" if call.type == "agent.mcp_tool_use" else "tool_use_id"
    kinds = (call.type.replace("_use", "_result"), WORKERS_RESULT)
    return _said_since(call).filter(type__in=kinds, **{f"payload__{member}": call.event_id}).exists()


def _said_since(call: Event) -> QuerySet[Event]:
    """The thread's events after the call: however long the log before it is, nobody looks through that."""
    return Event.objects.filter(thread=call.thread_id, seq__gt=call.seq)


def wake_thread(thread: Thread, *, at_once: bool = False) -> None:
    """Count new input and have a worker look at the thread once this transaction is committed; `at_once` also where it
    waits to try a failed model request again."""
    impatience: dict[str, Any] = {"wake_at": None} if at_once else {}
    statements.update_thread.run(thread.pk, wake=ONE_MORE, enqueued_at=timezone.now(), **impatience)
    queue.enqueue(RUN_THREAD, thread.pk)


@transaction.atomic
def archive_session(session: Session, *, actor: Actor) -> Session:
    """End a session for good; idempotent. A running one is refused, and so is one whose message waits for a worker."""
    if session.is_archived:
        return session  # without the lock, which leaves a new time
    session = lock_session(session.pk)
    if session.is_archived:
        return session
    check_rests(session)
    if not session.is_terminated:
        thread = session.threads.primary().get()
        names = {"session_thread_id": thread.pk, "agent_name": thread.agent_name}
        append(
            session.pk,
            thread,
            [
                NewEvent(type="session.thread_status_terminated", payload=names),
                NewEvent(type="session.status_terminated"),
            ],
        )
    Session.objects.filter(pk=session.pk).update(archived_at=timezone.now())
    release_work(session)
    emit(session.workspace_id, "session.archived", session.pk)
    audit.record(actor, "session.archived", session.pk, name=session.title or "")
    queue.enqueue("agents.jobs.destroy_sandbox", session.pk)
    session.refresh_from_db()
    return session


def check_rests(session: Session, busy: Collection[str] = (SessionStatus.RUNNING,)) -> None:
    """Refuse while a turn is under way, or a message waits for one."""
    if session.status in busy or InboxEvent.objects.filter(session=session).exists():
        raise InvalidRequest(f"The session {session.pk} is running: interrupt it and wait until it is idle.")


@transaction.atomic
def record_verdict(session: Session, result: str, *, source: str, actor: Actor, explanation: str = "") -> Verdict:
    """Say whether the session did its job; a later verdict replaces an earlier one, both stay on record."""
    if result not in VerdictResult.values:
        raise InvalidRequest(f"result: must be one of {', '.join(VerdictResult.values)}.")
    if actor.session_id:
        raise InvalidRequest("An agent cannot judge its own session.")
    verdict = Verdict.objects.create(
        workspace=session.workspace,
        session=session,
        result=result,
        source=source,
        actor_id=actor.id,
        explanation=explanation,
    )
    Session.objects.filter(pk=session.pk).update(verdict=result, updated_at=timezone.now())
    session.verdict = result
    if source != Verdict.Source.IMPORT:
        audit.record(actor, "session.judged", session.pk, name=session.title or "", detail=result)
    return verdict


def _pinned_agent(reference: str | dict[str, Any], actor: Actor) -> tuple[Agent, AgentVersion]:
    """The version that the session freezes, with the caller's overrides in the row that nobody saves."""
    if isinstance(reference, str):
        return access_agent_version(actor, reference)
    agent, version = access_agent_version(actor, reference["id"], reference.get("version"))
    version.definition = overridden(version.definition, pin(reference, actor, at="agent."))
    return agent, version


def _checked_resources(entries: list[dict[str, Any]], actor: Actor) -> list[tuple[str, str, dict[str, Any]]]:
    """Every entry through its kind's plug: `(kind, target id, config)` in the order given."""
    checked = []
    for index, entry in enumerate(entries):
        kind = resource_kinds().get(entry["type"])
        if kind is None:
            raise InvalidRequest(f"resources.{index}: {entry['type']} is not supported by this version of Lucid yet.")
        target_id, config = _validated(kind, entry, f"resources.{index}", actor)
        checked.append((entry["type"], target_id, config))
    for name, kind in resource_kinds().items():
        kind.finish([config for entry_kind, _, config in checked if entry_kind == name])
    return checked


def _validated(kind: Any, entry: dict[str, Any], field: str, actor: Actor) -> tuple[str, dict[str, Any]]:
    """What the kind makes of an entry; a refusal names the entry."""
    try:
        target_id, config = kind.validate(entry, actor=actor)
    except NotFound as missing:
        raise NotFound(f"{field}: {missing.message}", code=missing.code) from missing
    except InvalidRequest as refusal:
        raise InvalidRequest(f"{field}.{refusal.message}", code=refusal.code) from refusal
    return target_id, config


def _attach(session: Session, resources: list[tuple[str, str, dict[str, Any]]]) -> None:
    rows = [
        SessionResource(
            session=session,
            kind=kind,
            target_id=target_id,
            config=config,
            position=position,
            created_at=session.created_at,
        )
        for position, (kind, target_id, config) in enumerate(resources)
    ]
    for name, kind in resource_kinds().items():
        if mine := [row for row in rows if row.kind == name]:
            kind.attached(mine)
    SessionResource.objects.bulk_create(rows)


def _running(thread: Thread) -> list[NewEvent]:
    names = {"session_thread_id": thread.pk, "agent_name": thread.agent_name}
    return [
        NewEvent(type="session.status_running"),
        NewEvent(type="session.thread_status_running", payload=names),
    ]
