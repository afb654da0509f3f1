"""What changes a session from outside its turns: its title, metadata, tools and budget."""

from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from agents import audit
from agents.actors import Actor
from agents.definitions.multiagent import with_own_copies
from agents.eventlog.append import NewEvent, append
from agents.eventlog.wire import agent_snapshot
from agents.exceptions import InvalidRequest, NotFound
from agents.leases import RELEASED
from agents.limits import SESSION_TITLE_MAX
from agents.metadata import merge_metadata
from agents.models import Session, SessionKind, SessionStatus, Thread
from agents.outbox import emit
from agents.overrides import resolved_at
from agents.services import budgets
from agents.services.environments import check_reach
from agents.services.sessions import check_rests, principal_of
from agents.services.threads import wake_thread


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
