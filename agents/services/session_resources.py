"""What is attached to a session: checked and attached when it is made, added and taken away while it is there."""

from typing import Any

from django.db import transaction
from django.utils import timezone

from agents import audit
from agents.actors import Actor
from agents.eventlog.append import lock_session
from agents.exceptions import InvalidRequest, NotFound
from agents.models import Session, SessionKind, SessionResource
from agents.plugs import ResourceKind, resource_kinds
from agents.services import repository_resources
from agents.services.environments import check_mounts

type Checked = tuple[str, str, dict[str, Any]]  # kind, target id, config


def checked_resources(entries: list[dict[str, Any]], actor: Actor) -> list[Checked]:
    """Every entry through its kind's plug: `(kind, target id, config)` in the order given."""
    checked = []
    for index, entry in enumerate(entries):
        kind = resource_kinds().get(entry["type"])
        if kind is None:
            raise InvalidRequest(f"resources.{index}: there are no resources of the type {entry['type']!r}.")
        target_id, config = _validated(kind, entry, f"resources.{index}", actor)
        checked.append((entry["type"], target_id, config))
    for name, kind in resource_kinds().items():
        kind.finish([config for entry_kind, _, config in checked if entry_kind == name])
    return checked


def attach(session: Session, resources: list[Checked]) -> None:
    """Give a session what it begins with, inside the transaction that makes it."""
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


@transaction.atomic
def detach_resource(resource: SessionResource, *, actor: Actor) -> None:
    """Take something away from a session; its sandbox no longer gets it at the next turn."""
    session, detail = lock_session(resource.session_id), f"{resource.kind} {resource.target_id}"
    if not session.resources.filter(pk=resource.pk).exists():
        raise NotFound(f"Resource {resource.pk!r} was not found.")  # it was taken away a moment ago
    resource_kinds()[resource.kind].detached(resource)
    resource.delete()
    audit.record(actor, "session.resource_removed", session.pk, name=session.title or "", detail=detail)


def _validated(kind: ResourceKind, entry: dict[str, Any], field: str, actor: Actor) -> tuple[str, dict[str, Any]]:
    """What the kind makes of an entry; a refusal names the entry."""
    try:
        target_id, config = kind.validate(entry, actor=actor)
    except NotFound as missing:
        raise NotFound(f"{field}: {missing.message}", code=missing.code) from missing
    except InvalidRequest as refusal:
        raise InvalidRequest(f"{field}.{refusal.message}", code=refusal.code) from refusal
    return target_id, config


def _check_takes_more(session: Session) -> None:
    if session.is_terminated or session.is_archived:
        raise InvalidRequest(f"The session {session.pk} is {session.end_word}: it takes no more resources.")
    if session.kind != SessionKind.AGENT:
        raise InvalidRequest(f"The session {session.pk} is a record: it takes no resources.")
