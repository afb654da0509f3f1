"""Sessions: create (which freezes the agent), archive, delete."""

from collections.abc import Collection
from contextlib import suppress
from functools import partial
from typing import Any

from django.db import transaction
from django.utils import timezone

from agents import audit, queue
from agents.access import access_agent_version, access_environment
from agents.actors import Actor
from agents.eventlog.append import NewEvent, append, lock_session
from agents.eventlog.channel import publish
from agents.eventlog.wire import deleted_event
from agents.exceptions import InvalidRequest
from agents.ids import new_id
from agents.models import (
    Agent,
    AgentVersion,
    CostDay,
    Deployment,
    Environment,
    InboxEvent,
    Session,
    SessionKind,
    SessionStatus,
    Thread,
    Uncounted,
    Workspace,
)
from agents.outbox import emit
from agents.overrides import overridden
from agents.plugs import model_client
from agents.services import budgets
from agents.services.agent_extensions import default_resources
from agents.services.environments import check_mounts, check_reach, hold
from agents.services.events import send_events
from agents.services.files import forget_session_files
from agents.services.rosters import snapshot_of
from agents.services.session_resources import attach, checked_resources
from agents.services.skills import check_pins, pin
from agents.services.vaults import checked_vault_ids
from agents.services.work_queue import queue_work, release_work

DESTROY_SANDBOX = "agents.jobs.destroy_sandbox"


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
    resources = checked_resources([*named, *default_resources(agent, named)], actor)
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
        attach(session, resources)
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
    queue.enqueue(DESTROY_SANDBOX, session.pk)
    session.refresh_from_db()
    return session


@transaction.atomic
def delete_session(session: Session, *, actor: Actor) -> None:
    """Take the session away with its log, its inbox and its sandbox; whoever listens is told, and then left alone."""
    session = lock_session(session.pk)
    check_rests(session)
    thread = session.threads.primary().get()
    gone = deleted_event(new_id("event"), timezone.now())
    emit(session.workspace_id, "session.deleted", session.pk)
    audit.record(actor, "session.deleted", session.pk, name=session.title or "")
    release_work(session)
    queue.enqueue(DESTROY_SANDBOX, session.pk)
    transaction.on_commit(partial(publish, session.pk, [(thread.pk, None, gone)]))
    forget_session_files(session)
    if session.uncounted != Uncounted.NEW:
        CostDay.objects.forget(session)
    session.delete()


def check_rests(session: Session, busy: Collection[str] = (SessionStatus.RUNNING,)) -> None:
    """Refuse while a turn is under way, or a message waits for one."""
    if session.status in busy or InboxEvent.objects.filter(session=session).exists():
        raise InvalidRequest(f"The session {session.pk} is running: interrupt it and wait until it is idle.")


def _pinned_agent(reference: str | dict[str, Any], actor: Actor) -> tuple[Agent, AgentVersion]:
    """The version that the session freezes, with the caller's overrides in the row that nobody saves."""
    if isinstance(reference, str):
        return access_agent_version(actor, reference)
    agent, version = access_agent_version(actor, reference["id"], reference.get("version"))
    version.definition = overridden(version.definition, pin(reference, actor, at="agent."))
    return agent, version


def _running(thread: Thread) -> list[NewEvent]:
    names = {"session_thread_id": thread.pk, "agent_name": thread.agent_name}
    return [
        NewEvent(type="session.status_running"),
        NewEvent(type="session.thread_status_running", payload=names),
    ]
