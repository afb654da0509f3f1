"""What starts from a deployment: every start leaves a run, which has the session or says why there is none.

The run and its session are written in one transaction, for a scheduled start the one of the claim, so there is no half
of them to clean up after. The wire has no error for a start that was missed because no scheduler was running: such a
run has `unknown_error` with the reason in its message, stands for all that were missed in a row, and pauses nothing.
"""

import logging
from typing import Any

from django.db import DatabaseError, transaction
from django.utils import timezone

from agents import audit
from agents.actors import Actor, platform
from agents.exceptions import DomainError, InvalidRequest
from agents.models import ApiKey, Deployment, DeploymentRun, DeploymentStatus, Member, RunTrigger
from agents.outbox import emit
from agents.services.deployment_recipes import session_body
from agents.services.deployments import pause_deployment
from agents.services.run_errors import UNKNOWN, error_type_of, pauses
from agents.services.schedules import Occurrence, start_due
from agents.services.sessions import create_session

logger = logging.getLogger("lucid")


def start_due_deployments() -> int:
    """Start every deployment whose time has come; how many there were."""
    rows = Deployment.objects.filter(status=DeploymentStatus.ACTIVE, archived_at=None).select_related(
        "agent", "environment", "workspace"
    )
    return start_due(rows, start_scheduled)


def start_scheduled(deployment: Deployment, occurrence: Occurrence) -> None:
    """Inside the claim's transaction. A failure that will not go away by itself pauses the deployment."""
    if occurrence.missed_since and not _has_run(deployment, occurrence.missed_since):
        _record_missed(deployment, occurrence)
    if _has_run(deployment, occurrence.scheduled_at):
        return  # the machine's clock was set back: this one had its start
    run = _start(deployment, trigger=RunTrigger.SCHEDULE, scheduled_at=occurrence.scheduled_at)
    emit(deployment.workspace_id, "deployment_run.started", run.pk)
    emit(deployment.workspace_id, f"deployment_run.{'failed' if run.error else 'succeeded'}", run.pk)
    if run.error and pauses(run.error["type"]):
        pause_deployment(deployment, actor=platform(deployment.workspace), error_type=run.error["type"])


@transaction.atomic
def run_deployment(deployment: Deployment, *, actor: Actor) -> DeploymentRun:
    """Start a session now, also while the deployment is paused; nothing of its schedule changes."""
    deployment = Deployment.objects.select_related("agent", "environment", "workspace").get(pk=deployment.pk)
    if deployment.is_archived:
        raise InvalidRequest(f"The deployment {deployment.pk} is archived.")
    run = _start(deployment, trigger=RunTrigger.MANUAL)
    audit.record(actor, "deployment.run", deployment.pk, name=deployment.name)
    return run


def author_of(deployment: Deployment) -> Actor:
    """On whose behalf its sessions run: who wrote the events they begin with; the platform where that one is gone, so
    that nothing counts as a person's word any more which nobody here stands for."""
    workspace = deployment.workspace
    if member := Member.objects.present().in_workspace(workspace).filter(pk=deployment.created_by).first():
        return Actor.of_member(member)
    key = ApiKey.objects.in_workspace(workspace).filter(pk=deployment.created_by, revoked_at=None).first()
    return Actor.of_api_key(key) if key else platform(workspace)


def _start(deployment: Deployment, **columns: Any) -> DeploymentRun:
    """The run and its session, or the run and the reason why there is no session."""
    try:
        with transaction.atomic():  # a session that was made by half is taken back, the run that says so stays
            session = create_session(session_body(deployment), actor=author_of(deployment), deployment=deployment)
        columns["session_id"] = session.pk
    except DomainError as refusal:
        columns["error"] = {"type": error_type_of(deployment, refusal), "message": refusal.message}
    except DatabaseError:
        raise  # busy or away: the claim is taken back with all of this, and the time stays due
    except Exception:
        logger.exception("The deployment %s could not start a session.", deployment.pk)
        columns["error"] = {"type": UNKNOWN, "message": "An unexpected error occurred; it stands in the server's log."}
    return _record(deployment, **columns)


def _record_missed(deployment: Deployment, occurrence: Occurrence) -> None:
    error = {"type": UNKNOWN, "message": f"{occurrence.missed_text} The latest one was started late."}
    run = _record(deployment, trigger=RunTrigger.SCHEDULE, scheduled_at=occurrence.missed_since, error=error)
    emit(deployment.workspace_id, "deployment_run.started", run.pk)
    emit(deployment.workspace_id, "deployment_run.failed", run.pk)


def _record(deployment: Deployment, **columns: Any) -> DeploymentRun:
    run: DeploymentRun = DeploymentRun.objects.create(
        workspace=deployment.workspace,
        deployment=deployment,
        agent=deployment.agent,
        agent_version=deployment.agent_version,
        created_at=timezone.now(),
        **columns,
    )
    return run


def _has_run(deployment: Deployment, scheduled_at: Any) -> bool:
    return DeploymentRun.objects.filter(deployment=deployment, scheduled_at=scheduled_at).exists()
