"""What changes a session from outside its turns: title, metadata and tools; taking over; deleting it."""

from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from agents import audit, queue
from agents.actors import Actor
from agents.definitions.multiagent import with_own_copies
from agents.eventlog.append import NewEvent, append, lock_session
from agents.eventlog.channel import publish
from agents.eventlog.wire import agent_snapshot, deleted_event
from agents.exceptions import InvalidRequest, NotFound
from agents.ids import new_id
from agents.leases import RELEASED
from agents.limits import SESSION_TITLE_MAX
from agents.metadata import merge_metadata
from agents.models import Session, SessionKind, SessionResource, SessionStatus, Thread
from agents.outbox import emit
from agents.overrides import resolved_at
from agents.plugs import resource_kinds
from agents.services import budgets
from agents.services.environments import check_reach
from agents.services.files import forget_session_files
from agents.services.sessions import check_rests, principal_of
from agents.services.threads import wake_thread
from agents.services.work_queue import release_work

DESTROY_SANDBOX = "agents.jobs.destroy_sandbox"


@transaction.atomic
def update_session(session: Session, body: dict[str, Any], *, actor: Actor) -> Session:
    """`body` has the wire's update members; an update that changes nothing leaves no event and no new time."""
    _check_updatable(body)
    session = _lock(session)
    if session.is_terminated or session.is_archived:
        raise InvalidRequest(f"The session {session.pk} is {session.end_word}: it takes no more changes.")
    if session.kind == SessionKind.DREAM:
        raise InvalidRequest(f"The session {session.pk} is the record of a dream: it takes no changes.")
    changes = _changed_columns(session, body, actor)
    if not changes:
        return session
    Session.objects.filter(pk=session.pk).update(updated_at=timezone.now(), **changes)
    thread = session.threads.primary().get()
    if "agent_snapshot" in changes:
        # A worker that is just coming to rest read the old tools: with a new fence its next write is refused, and
        # whoever takes the next message reads these.
        rows = Thread.objects.filter(pk=thread.pk)
        rows.update(agent_snapshot=changes["agent_snapshot"], fence=F("fence") + 1, **RELEASED)
    append(session.pk, thread, [NewEvent(type="session.updated", payload=_shown(changes))])
    if "budget" in changes:
        # A thread that paused at the old cap goes on; any other finds nothing to do.
        for each in session.threads.exclude(status=SessionStatus.TERMINATED):
            wake_thread(each)
    emit(session.workspace_id, "session.updated", session.pk)
    session.refresh_from_db()
    detail = ", ".join(name.removesuffix("_snapshot") for name in changes)
    audit.record(actor, "session.updated", session.pk, name=session.title or "", detail=detail)
    return session


@transaction.atomic
def delete_session(session: Session, *, actor: Actor) -> None:
    """Take the session away with its log, its inbox and its sandbox; whoever listens is told, and then left alone."""
    session = _lock(session)
    check_rests(session)
    thread = session.threads.primary().get()
    gone = deleted_event(new_id("event"), timezone.now())
    emit(session.workspace_id, "session.deleted", session.pk)
    audit.record(actor, "session.deleted", session.pk, name=session.title or "")
    release_work(session)
    queue.enqueue(DESTROY_SANDBOX, session.pk)
    transaction.on_commit(partial(publish, session.pk, [(thread.pk, None, gone)]))
    forget_session_files(session)
    session.delete()


@transaction.atomic
def escalate_session(session: Session, *, actor: Actor) -> Session:
    """A person had to take over; the first time counts."""
    now = timezone.now()
    if Session.objects.filter(pk=session.pk, escalated_at=None).update(escalated_at=now, updated_at=now):
        emit(session.workspace_id, "session.escalated", session.pk)
        audit.record(actor, "session.escalated", session.pk, name=session.title or "")
    session.refresh_from_db(fields=["escalated_at", "updated_at"])
    return session


def _check_updatable(body: dict[str, Any]) -> None:
    if "vault_ids" in body:
        raise InvalidRequest("vault_ids: they cannot be changed.", code="vault_ids_not_updatable")


def _lock(session: Session) -> Session:
    """The row lock without a new `updated_at`, because an update may turn out to change nothing."""
    Session.objects.filter(pk=session.pk).update(next_seq=F("next_seq"))
    locked: Session | None = Session.objects.filter(pk=session.pk).first()
    if locked is None:
        raise NotFound(f"Session {session.pk!r} was not found.")
    return locked


def _changed_columns(session: Session, body: dict[str, Any], actor: Actor) -> dict[str, Any]:
    wanted: dict[str, Any] = {}
    if "title" in body:
        wanted["title"] = _checked_title(body["title"])
    if body.get("metadata"):
        wanted["metadata"] = metadata = merge_metadata(session.metadata, body["metadata"])
        key = session.workspace.principal_key
        if metadata.get(key) != session.metadata.get(key):
            wanted["principal"] = principal_of(session.workspace, metadata, actor)
    if "budget" in body:
        wanted["budget"] = budgets.changed_budget(session, body["budget"])
    if body.get("agent"):
        wanted["agent_snapshot"] = _changed_agent(session, body["agent"])
    return {name: value for name, value in wanted.items() if value != getattr(session, name)}


def _checked_title(title: str | None) -> str | None:
    if len(title or "") > SESSION_TITLE_MAX:
        raise InvalidRequest(f"title: it may have at most {SESSION_TITLE_MAX} characters.")
    return title


def _changed_agent(session: Session, changes: dict[str, Any]) -> dict[str, Any]:
    """The frozen agent with other tools, under the rules that an agent's own tools follow; the next turn has them."""
    if session.kind != SessionKind.AGENT:
        raise InvalidRequest(f"agent: the session {session.pk} is a record, no turn will ever use other tools.")
    check_rests(session, busy=(SessionStatus.RUNNING, SessionStatus.RESCHEDULING))
    before = session.agent_snapshot
    after = with_own_copies({**before, **resolved_at("agent", changes, before)})
    check_reach(session.environment, after)
    return after


def _shown(changes: dict[str, Any]) -> dict[str, Any]:
    """What the event says: the whole of each member that changed; metadata that is empty now is left out."""
    shown: dict[str, Any] = {
        name: changes[name] for name in ("title", "metadata") if name in changes and changes[name] != {}
    }
    if "budget" in changes:
        shown["budget"] = changes["budget"]
    if "agent_snapshot" in changes:
        shown["agent"] = agent_snapshot(changes["agent_snapshot"])
    return shown


@transaction.atomic
def detach_resource(resource: SessionResource, *, actor: Actor) -> None:
    """Take something away from a session; its sandbox no longer gets it at the next turn."""
    session, detail = lock_session(resource.session_id), f"{resource.kind} {resource.target_id}"
    if not session.resources.filter(pk=resource.pk).exists():
        raise NotFound(f"Resource {resource.pk!r} was not found.")  # it was taken away a moment ago
    resource_kinds()[resource.kind].detached(resource)
    resource.delete()
    audit.record(actor, "session.resource_removed", session.pk, name=session.title or "", detail=detail)
