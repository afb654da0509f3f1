"""Deployments: create, update, pause, unpause, archive.

How their sessions are made is in `deployment_recipes`, what started from one in `deployment_runs`.
"""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from agents import audit, cron, limits
from agents.actors import Actor
from agents.editions import check_edition
from agents.exceptions import InvalidRequest
from agents.metadata import check_metadata, merge_metadata
from agents.models import Deployment, DeploymentStatus
from agents.outbox import emit
from agents.services.deployment_recipes import RECIPE, Columns, recipe_columns, session_body
from agents.services.schedules import scheduled_columns, unscheduled_columns
from agents.services.sessions import check_session


@transaction.atomic
def create_deployment(body: dict[str, Any], *, actor: Actor) -> Deployment:
    """`body` has the wire's create members, shapes checked; a session that could not start now is refused now."""
    now = timezone.now()
    deployment = Deployment(
        workspace=actor.workspace,
        description=body.get("description") or None,
        metadata=check_metadata(body.get("metadata")),
        created_by=actor.id,
        created_at=now,
        updated_at=now,
    )
    _assign(deployment, {"name": _checked_name(body["name"]), **recipe_columns(deployment, body, actor)})
    if schedule := body.get("schedule"):
        _check_room(deployment)
        _assign(deployment, scheduled_columns(schedule["expression"], schedule["timezone"], now))
    check_session(session_body(deployment), actor=actor)
    deployment.save(force_insert=True)
    emit(actor.workspace, "deployment.created", deployment.pk)
    audit.record(actor, "deployment.created", deployment.pk, name=deployment.name)
    return deployment


@transaction.atomic
def update_deployment(deployment: Deployment, body: dict[str, Any], *, actor: Actor, edition: str = "") -> Deployment:
    """Omitted members stay, the others are replaced as a whole, metadata is merged. Who writes the events that sessions
    begin with is from then on the one on whose behalf they run."""
    deployment = _lock(deployment)
    if deployment.is_archived:
        raise _archived(deployment)
    changes = _changed(deployment, _wanted_columns(deployment, body, actor))
    check_edition(edition, deployment, changes)
    if "initial_events" in changes:
        changes["created_by"] = actor.id
    _assign(deployment, changes)
    if any(name in changes for name in RECIPE):
        check_session(session_body(deployment), actor=actor)
    if changes:
        _write(deployment, **changes)
        emit(deployment.workspace_id, "deployment.updated", deployment.pk)
        detail = ", ".join(name for name in changes if name not in ("next_run_at", "created_by"))
        audit.record(actor, "deployment.updated", deployment.pk, name=deployment.name, detail=detail)
    return deployment


@transaction.atomic
def pause_deployment(deployment: Deployment, *, actor: Actor, error_type: str = "") -> Deployment:
    """Its schedule starts nothing until it is unpaused; one that is paused already keeps its reason."""
    deployment = _lock(deployment)
    if deployment.is_archived:
        raise _archived(deployment)
    if deployment.status != DeploymentStatus.PAUSED:
        reason: Columns = {"type": "error", "error": {"type": error_type}} if error_type else {"type": "manual"}
        _write(deployment, status=DeploymentStatus.PAUSED, paused_reason=reason, next_run_at=None)
        emit(deployment.workspace_id, "deployment.paused", deployment.pk)
        audit.record(actor, "deployment.paused", deployment.pk, name=deployment.name, reason=error_type)
    return deployment


@transaction.atomic
def unpause_deployment(deployment: Deployment, *, actor: Actor) -> Deployment:
    """The schedule goes on with its next time; what passed meanwhile is not made up for."""
    deployment = _lock(deployment)
    if deployment.is_archived:
        raise _archived(deployment)
    if deployment.status != DeploymentStatus.ACTIVE:
        upcoming = _schedule_columns(deployment.cron, deployment.timezone, timezone.now())
        _write(deployment, status=DeploymentStatus.ACTIVE, paused_reason=None, next_run_at=upcoming["next_run_at"])
        emit(deployment.workspace_id, "deployment.unpaused", deployment.pk)
        audit.record(actor, "deployment.unpaused", deployment.pk, name=deployment.name)
    return deployment


@transaction.atomic
def archive_deployment(deployment: Deployment, *, actor: Actor) -> Deployment:
    """For good, and idempotent; sessions that it started go on. The wire shows an archived one as active."""
    deployment = _lock(deployment)
    if not deployment.is_archived:
        _write(
            deployment,
            archived_at=timezone.now(),
            status=DeploymentStatus.ACTIVE,
            paused_reason=None,
            next_run_at=None,
        )
        emit(deployment.workspace_id, "deployment.archived", deployment.pk)
        audit.record(actor, "deployment.archived", deployment.pk, name=deployment.name)
    return deployment


def archive_deployments(rows: "QuerySet[Any]", *, actor: Actor) -> None:
    """All of these, inside the caller's transaction: an archived agent takes its deployments along."""
    for deployment in rows.filter(archived_at=None):
        archive_deployment(deployment, actor=actor)


def upcoming_runs(deployment: Deployment, now: datetime) -> list[datetime]:
    """What the schedule would start next; while it is paused, as if it were not."""
    if deployment.is_archived or not deployment.cron:
        return []
    return cron.upcoming(deployment.cron, deployment.timezone, now)


def _wanted_columns(deployment: Deployment, body: dict[str, Any], actor: Actor) -> Columns:
    wanted = recipe_columns(deployment, body, actor)
    if "name" in body:
        wanted["name"] = _checked_name(body["name"])
    if "description" in body:
        wanted["description"] = body["description"] or None
    if body.get("metadata"):
        wanted["metadata"] = merge_metadata(deployment.metadata, body["metadata"])
    if "schedule" in body:
        wanted |= _rescheduled(deployment, body["schedule"])
    return wanted


def _rescheduled(deployment: Deployment, schedule: dict[str, Any] | None) -> Columns:
    """The same line again changes nothing: a time that is due at this moment must not be lost to it."""
    expression, zone = (schedule["expression"], schedule["timezone"]) if schedule else ("", "UTC")
    if (expression, zone) == (deployment.cron, deployment.timezone):
        return {}
    if schedule and not deployment.cron:
        _check_room(deployment)
    columns = _schedule_columns(expression, zone, timezone.now())
    return {**columns, "next_run_at": None} if deployment.status == DeploymentStatus.PAUSED else columns


def _schedule_columns(expression: str, zone: str, now: datetime) -> Columns:
    return scheduled_columns(expression, zone, now) if expression else unscheduled_columns()


def _checked_name(name: str) -> str:
    if not 1 <= len(name.strip()) <= limits.DEPLOYMENT_NAME_MAX:
        raise InvalidRequest(f"name: it must have 1 to {limits.DEPLOYMENT_NAME_MAX} characters.")
    return name


def _check_room(deployment: Deployment) -> None:
    scheduled = Deployment.objects.in_workspace(deployment.workspace_id).live().exclude(cron="")
    if scheduled.count() >= limits.SCHEDULED_DEPLOYMENTS_MAX:
        raise InvalidRequest(
            f"schedule: a workspace may have at most {limits.SCHEDULED_DEPLOYMENTS_MAX:,} scheduled deployments."
        )


def _archived(deployment: Deployment) -> InvalidRequest:
    return InvalidRequest(f"The deployment {deployment.pk} is archived.")


def _lock(deployment: Deployment) -> Deployment:
    """The row lock, held until the commit, and the row as it is then."""
    Deployment.objects.filter(pk=deployment.pk).update(name=F("name"))
    locked: Deployment = Deployment.objects.select_related("agent", "environment").get(pk=deployment.pk)
    return locked


def _changed(deployment: Deployment, wanted: Columns) -> Columns:
    """Tokens are sealed anew each time, so they count as changed whenever resources are given."""
    return {name: value for name, value in wanted.items() if value != getattr(deployment, name)}


def _assign(deployment: Deployment, columns: Columns) -> None:
    for name, value in columns.items():
        setattr(deployment, name, value)


def _write(deployment: Deployment, **columns: Any) -> None:
    columns["updated_at"] = timezone.now()
    Deployment.objects.filter(pk=deployment.pk).update(**columns)
    _assign(deployment, columns)
