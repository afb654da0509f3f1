"""Deployments and their runs."""

from datetime import datetime
from typing import Any

from agents.eventlog.wire import timestamp
from agents.models import Deployment, DeploymentRun
from agents.services.deployments import upcoming_runs


def deployment_shape(deployment: Deployment, now: datetime) -> dict[str, Any]:
    """`budget` is absent where there is none."""
    return {
        "id": deployment.pk,
        "type": "deployment",
        "name": deployment.name,
        "description": deployment.description,
        "agent": _agent_reference(deployment.agent_id, deployment.agent_version),
        "environment_id": deployment.environment_id,
        "initial_events": deployment.initial_events,
        "resources": deployment.resources,
        "vault_ids": deployment.vault_ids,
        "metadata": deployment.metadata,
        "schedule": _schedule_shape(deployment, now) if deployment.cron else None,
        "status": deployment.status,
        "paused_reason": deployment.paused_reason,
        **({"budget": deployment.budget} if deployment.budget else {}),
        "created_at": timestamp(deployment.created_at),
        "updated_at": timestamp(deployment.updated_at),
        "archived_at": timestamp(deployment.archived_at),
    }


def run_shape(run: DeploymentRun) -> dict[str, Any]:
    at = {"scheduled_at": timestamp(run.scheduled_at)} if run.scheduled_at else {}
    return {
        "id": run.pk,
        "type": "deployment_run",
        "deployment_id": run.deployment_id,
        "agent": _agent_reference(run.agent_id, run.agent_version),
        "trigger_context": {"type": run.trigger, **at},
        "session_id": run.session_id,
        "error": run.error,
        "created_at": timestamp(run.created_at),
    }


def _schedule_shape(deployment: Deployment, now: datetime) -> dict[str, Any]:
    return {
        "type": "cron",
        "expression": deployment.cron,
        "timezone": deployment.timezone,
        "upcoming_runs_at": [timestamp(moment) for moment in upcoming_runs(deployment, now)],
        "last_run_at": timestamp(deployment.last_run_at),
    }


def _agent_reference(agent_id: str, version: int) -> dict[str, Any]:
    return {"type": "agent", "id": agent_id, "version": version}
