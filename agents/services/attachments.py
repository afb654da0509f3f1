"""Adding to what a session has while it is there; taking away is in `session_updates`."""

from typing import Any

from django.db import transaction
from django.utils import timezone

from agents import audit
from agents.actors import Actor
from agents.eventlog.append import lock_session
from agents.exceptions import InvalidRequest
from agents.models import Session, SessionKind, SessionResource
from agents.plugs import resource_kinds
from agents.services import repository_resources
from agents.services.environments import check_mounts


@transaction.atomic
def attach_file(session: Session, entry: dict[str, Any], *, actor: Actor) -> SessionResource:
    """Add a file to a session; its sandbox gets it, and its agent is told of it, at the next turn."""
    session = lock_session(session.pk)
    _check_takes_more(session)
    check_mounts(session.environment, {entry["type"]})
    kind = resource_kinds()[entry["type"]]
    target_id, config = kind.validate(entry, actor=actor)
    there = list(session.resources.all())
    kind.finish([*(row.config for row in there if row.kind == entry["type"]), config])
    resource = SessionResource(
        session=session,
        kind=entry["type"],
        target_id=target_id,
        config=config,
        position=max((row.position for row in there), default=-1) + 1,
        created_at=timezone.now(),
    )
    kind.attached([resource])
    resource.save(force_insert=True)
    detail = f"{resource.kind} {config['filename']}"
    audit.record(actor, "session.resource_added", session.pk, name=session.title or "", detail=detail)
    return resource


@transaction.atomic
def replace_token(resource: SessionResource, token: str, *, actor: Actor) -> SessionResource:
    """What a repository is cloned with from now on; nobody can read it again."""
    session = lock_session(resource.session_id)
    if resource.kind != repository_resources.KIND:
        raise InvalidRequest(f"authorization_token: a {resource.kind} resource has none.")
    _check_takes_more(session)
    repository_resources.replace_token(resource, token)
    detail = f"authorization_token of {resource.config['url']}"
    audit.record(actor, "session.resource_updated", session.pk, name=session.title or "", detail=detail)
    return resource


def _check_takes_more(session: Session) -> None:
    if session.is_terminated or session.is_archived:
        raise InvalidRequest(f"The session {session.pk} is {session.end_word}: it takes no more resources.")
    if session.kind != SessionKind.AGENT:
        raise InvalidRequest(f"The session {session.pk} is a record: it takes no resources.")
