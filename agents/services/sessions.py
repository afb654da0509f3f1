"""Sessions: create (which freezes the agent), archive, record a verdict."""

from collections.abc import Collection
from contextlib import suppress
from typing import Any

from django.db import transaction
from django.utils import timezone

from agents import audit, queue
from agents.access import access_agent_version, access_environment
from agents.actors import Actor
from agents.eventlog.append import NewEvent, append, lock_session
from agents.exceptions import InvalidRequest, NotFound
from agents.models import (
    Agent,
    AgentVersion,
    Deployment,
    Environment,
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
from agents.services.events import send_events
from agents.services.rosters import snapshot_of
from agents.services.skills import check_pins, pin
from agents.services.vaults import checked_vault_ids
from agents.services.work_queue import queue_work, release_work


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
