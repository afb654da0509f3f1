"""Environments: create, update, archive, delete."""

from collections.abc import Collection
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from agents import audit
from agents.actors import Actor
from agents.definitions.multiagent import mcp_urls
from agents.editions import check_edition
from agents.environment_config import merge_config, resolve_config, unreachable_host
from agents.exceptions import Conflict, InvalidRequest, NotFound
from agents.limits import ENVIRONMENT_DESCRIPTION_MAX, ENVIRONMENT_NAME_MAX
from agents.metadata import check_metadata, merge_metadata
from agents.models import Environment, Session, SessionKind, SessionStatus
from agents.outbox import emit

# The default: a local box.
CLOUD = resolve_config(None)


def create_environment(body: dict[str, Any], *, actor: Actor, is_internal: bool = False) -> Environment:
    """`body` has the wire's create members; the name is unique in the workspace."""
    now = timezone.now()
    try:
        with transaction.atomic():
            environment = Environment.objects.create(
                workspace=actor.workspace,
                name=_checked_name(body["name"]),
                description=_checked_description(body.get("description")),
                config=resolve_config(body.get("config")),
                metadata=check_metadata(body.get("metadata")),
                scope=body.get("scope") or "organization",
                is_internal=is_internal,
                created_at=now,
                updated_at=now,
            )
            if not is_internal:
                emit(actor.workspace, "environment.created", environment.pk)
                audit.record(actor, "environment.created", environment.pk, name=environment.name)
    except IntegrityError as error:
        raise _taken(body["name"]) from error
    return environment


def update_environment(
    environment: Environment, body: dict[str, Any], *, actor: Actor, edition: str = ""
) -> Environment:
    """Omitted members stay; sandboxes made from now on follow the new config. What changes nothing leaves no trace."""
    try:
        with transaction.atomic():
            environment = _lock(environment)
            if environment.is_archived:
                raise InvalidRequest(f"The environment {environment.pk} is archived.", code="environment_archived")
            changes = _changed_columns(environment, body)
            check_edition(edition, environment, changes)
            if changes:
                Environment.objects.filter(pk=environment.pk).update(updated_at=timezone.now(), **changes)
                emit(environment.workspace_id, "environment.updated", environment.pk)
                environment.refresh_from_db()
                detail = ", ".join(changes)
                audit.record(actor, "environment.updated", environment.pk, name=environment.name, detail=detail)
    except IntegrityError as error:
        raise _taken(body["name"]) from error
    return environment


@transaction.atomic
def archive_environment(environment: Environment, *, actor: Actor) -> Environment:
    """No new sessions, the ones there are go on; archiving twice keeps the first time."""
    environment = _lock(environment)
    if not environment.is_archived:
        now = timezone.now()
        Environment.objects.filter(pk=environment.pk).update(archived_at=now, updated_at=now)
        emit(environment.workspace_id, "environment.archived", environment.pk)
        audit.record(actor, "environment.archived", environment.pk, name=environment.name)
        environment.refresh_from_db()
    return environment


@transaction.atomic
def delete_environment(environment: Environment, *, actor: Actor) -> None:
    """Sessions that ended in it keep its id; while one may still run there it is refused."""
    environment = _lock(environment, waits_for_sessions=True)
    live = Session.objects.filter(environment=environment, kind=SessionKind.AGENT)
    if live.exclude(status=SessionStatus.TERMINATED).exists():
        raise Conflict(f"The environment {environment.pk} has sessions that are not over; archive them first.")
    Environment.objects.filter(pk=environment.pk).update(deleted_at=timezone.now())
    emit(environment.workspace_id, "environment.deleted", environment.pk)
    audit.record(actor, "environment.deleted", environment.pk, name=environment.name)


def hold(environment: Environment) -> None:
    """For a session that begins: who deletes the environment from now on waits, and finds the session in it."""
    if not Environment.objects.hold(environment.pk):
        raise _missing(environment)


def check_mounts(environment: Environment, kinds: Collection[str]) -> None:
    """Whether a session with resources of those kinds can start here."""
    other = next((kind for kind in kinds if kind != "memory_store"), None)
    if other and environment.is_self_hosted:
        raise InvalidRequest(
            f"resources: {other} is not supported with self-hosted environments such as {environment.pk}.",
            code="self_hosted_resources_unsupported",
        )


def check_reach(environment: Environment, snapshot: dict[str, Any]) -> None:
    """Whether the network here lets that frozen agent reach its MCP servers."""
    if host := unreachable_host(environment.config, mcp_urls(snapshot)):
        raise InvalidRequest(
            f"agent: the network of the environment {environment.pk} is limited and does not allow the MCP server host"
            f" {host}; add it to allowed_hosts, or set allow_mcp_servers.",
            code="mcp_egress_blocked",
        )


def _lock(environment: Environment, *, waits_for_sessions: bool = False) -> Environment:
    """The row lock, held until the commit; the platform's own environments are nobody's to change. With
    `waits_for_sessions` it is had once every session that is being made here is there, or is not."""
    if waits_for_sessions:
        Environment.objects.select_for_update().filter(pk=environment.pk).first()
    Environment.objects.filter(pk=environment.pk).update(name=F("name"))
    locked: Environment | None = Environment.objects.kept().filter(pk=environment.pk).first()
    if locked is None:
        raise _missing(environment)
    if locked.is_internal:
        raise InvalidRequest(f"The environment {locked.pk} belongs to the platform itself.")
    return locked


def _changed_columns(environment: Environment, body: dict[str, Any]) -> dict[str, Any]:
    wanted: dict[str, Any] = {}
    if body.get("name") is not None:
        wanted["name"] = _checked_name(body["name"])
    if "description" in body:
        wanted["description"] = _checked_description(body["description"])
    if body.get("config"):
        wanted["config"] = merge_config(environment.config, body["config"])
    if body.get("metadata"):
        wanted["metadata"] = merge_metadata(environment.metadata, body["metadata"], empty_deletes=True)
    if body.get("scope"):
        wanted["scope"] = body["scope"]
    return {name: value for name, value in wanted.items() if value != getattr(environment, name)}


def _checked_name(name: str) -> str:
    if not name.strip() or len(name) > ENVIRONMENT_NAME_MAX:
        raise InvalidRequest(f"name: it must have 1 to {ENVIRONMENT_NAME_MAX} characters.")
    return name


def _checked_description(description: str | None) -> str | None:
    if len(description or "") > ENVIRONMENT_DESCRIPTION_MAX:
        raise InvalidRequest(f"description: it may have at most {ENVIRONMENT_DESCRIPTION_MAX:,} characters.")
    return description


def _missing(environment: Environment) -> NotFound:
    return NotFound(f"Environment {environment.pk!r} was not found.", code="environment_not_found")


def _taken(name: str) -> Conflict:
    return Conflict(f"An environment named {name!r} exists already.")
