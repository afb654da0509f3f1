"""Deployments, and the runs that they left."""

from typing import Any

from anthropic.types.beta import DeploymentCreateParams, DeploymentUpdateParams
from django.utils import timezone
from ninja import Router

from agents.access import access_deployment, access_deployment_run
from agents.api import queries
from agents.api.auth import ApiRequest
from agents.api.bodies import Body
from agents.api.openapi import asks, takes
from agents.api.pagination import limit_of, page_of
from agents.api.shapes.deployments import deployment_shape, run_shape
from agents.exceptions import InvalidRequest
from agents.limits import DEPLOYMENT_RUNS_PAGE_MAX
from agents.models import Deployment, DeploymentRun, DeploymentStatus, RunTrigger
from agents.services import deployment_runs
from agents.services import deployments as services

BOUNDS = ("gte", "lte")

router = Router(tags=["deployments"])
runs_router = Router(tags=["deployments"])
create_body = Body(DeploymentCreateParams)
update_body = Body(DeploymentUpdateParams)


@router.post("", openapi_extra=takes(create_body))
def create_deployment(request: ApiRequest) -> dict[str, Any]:
    return _shown(services.create_deployment(create_body(request), actor=request.auth))


@router.get(
    "",
    openapi_extra=asks(
        "limit",
        "page",
        "agent_id",
        "status",
        "include_archived",
        "created_at[gte]",
        "created_at[lte]",
        status=DeploymentStatus.values,
    ),
)
def list_deployments(request: ApiRequest) -> dict[str, Any]:
    rows = Deployment.objects.in_workspace(request.auth.workspace)
    status = queries.choice(request, "status", ("", *DeploymentStatus.values), "")
    if queries.flag(request, "include_archived"):
        if status:
            raise InvalidRequest("status: it cannot be combined with include_archived.")
    else:
        rows = rows.live()
    if status:
        rows = rows.filter(status=status)
    if agent_id := queries.text(request, "agent_id"):
        rows = rows.filter(agent=agent_id)
    bounds = queries.bounds(request, "created_at", BOUNDS)
    return page_of(request, rows, _shown, listing="deployments", created_at=bounds)


@router.get("/{deployment_id}")
def get_deployment(request: ApiRequest, deployment_id: str) -> dict[str, Any]:
    return _shown(access_deployment(request.auth, deployment_id))


@router.post("/{deployment_id}", openapi_extra=takes(update_body))
def update_deployment(request: ApiRequest, deployment_id: str) -> dict[str, Any]:
    deployment = access_deployment(request.auth, deployment_id)
    return _shown(services.update_deployment(deployment, update_body(request), actor=request.auth))


@router.post("/{deployment_id}/pause")
def pause_deployment(request: ApiRequest, deployment_id: str) -> dict[str, Any]:
    """Its schedule starts nothing; it can still be run by hand."""
    return _shown(services.pause_deployment(access_deployment(request.auth, deployment_id), actor=request.auth))


@router.post("/{deployment_id}/unpause")
def unpause_deployment(request: ApiRequest, deployment_id: str) -> dict[str, Any]:
    """What passed in the meantime is not made up for."""
    return _shown(services.unpause_deployment(access_deployment(request.auth, deployment_id), actor=request.auth))


@router.post("/{deployment_id}/run")
def run_deployment(request: ApiRequest, deployment_id: str) -> dict[str, Any]:
    """Start a session now; a run that could not says why in `error`."""
    deployment = access_deployment(request.auth, deployment_id)
    return run_shape(deployment_runs.run_deployment(deployment, actor=request.auth))


@router.post("/{deployment_id}/archive")
def archive_deployment(request: ApiRequest, deployment_id: str) -> dict[str, Any]:
    return _shown(services.archive_deployment(access_deployment(request.auth, deployment_id), actor=request.auth))


@runs_router.get(
    "",
    openapi_extra=asks(
        "limit",
        "page",
        "deployment_id",
        "has_error",
        "trigger_type",
        *queries.CREATED_AT,
        most=DEPLOYMENT_RUNS_PAGE_MAX,
        trigger_type=RunTrigger.values,
    ),
)
def list_runs(request: ApiRequest) -> dict[str, Any]:
    rows = DeploymentRun.objects.in_workspace(request.auth.workspace)
    if deployment_id := queries.text(request, "deployment_id"):
        rows = rows.filter(deployment=deployment_id)
    if queries.text(request, "has_error"):
        rows = rows.filter(error__isnull=not queries.flag(request, "has_error"))
    if trigger := queries.choice(request, "trigger_type", ("", *RunTrigger.values), ""):
        rows = rows.filter(trigger=trigger)
    return page_of(
        request,
        rows,
        run_shape,
        listing="deployment_runs",
        limit=limit_of(request, longest=DEPLOYMENT_RUNS_PAGE_MAX),
        created_at=queries.bounds(request, "created_at"),
    )


@runs_router.get("/{run_id}")
def get_run(request: ApiRequest, run_id: str) -> dict[str, Any]:
    return run_shape(access_deployment_run(request.auth, run_id))


def _shown(deployment: Deployment) -> dict[str, Any]:
    return deployment_shape(deployment, timezone.now())
