"""Environments."""

from typing import Any

from anthropic.types.beta import EnvironmentCreateParams, EnvironmentUpdateParams
from ninja import Router

from agents.access import access_environment
from agents.api import queries, work
from agents.api.auth import ApiRequest
from agents.api.bodies import Body
from agents.api.openapi import asks, takes
from agents.api.pagination import live_or_all, page_of
from agents.api.shapes.environments import environment_shape
from agents.exceptions import InvalidRequest
from agents.models import Environment
from agents.services import environments as services

router = Router(tags=["environments"])
router.add_router("", work.router)
create_body = Body(EnvironmentCreateParams)
update_body = Body(EnvironmentUpdateParams)
environments = live_or_all(
    lambda workspace: Environment.objects.in_workspace(workspace).kept().filter(is_internal=False)
)


@router.post("", openapi_extra=takes(create_body))
def create_environment(request: ApiRequest) -> dict[str, Any]:
    body = create_body(request)
    _check_scope(body)
    return environment_shape(services.create_environment(body, actor=request.auth))


@router.get("", openapi_extra=asks("limit", "page", "include_archived"))
def list_environments(request: ApiRequest) -> dict[str, Any]:
    rows = environments[queries.flag(request, "include_archived")]
    return page_of(request, rows.of(request.auth.workspace.pk), environment_shape, listing="environments")


@router.get("/{environment_id}")
def get_environment(request: ApiRequest, environment_id: str) -> dict[str, Any]:
    return environment_shape(access_environment(request.auth, environment_id))


@router.post("/{environment_id}", openapi_extra=takes(update_body))
def update_environment(request: ApiRequest, environment_id: str) -> dict[str, Any]:
    environment = access_environment(request.auth, environment_id)
    body = update_body(request)
    _check_scope(body)
    return environment_shape(services.update_environment(environment, body, actor=request.auth))


@router.post("/{environment_id}/archive")
def archive_environment(request: ApiRequest, environment_id: str) -> dict[str, Any]:
    environment = access_environment(request.auth, environment_id)
    return environment_shape(services.archive_environment(environment, actor=request.auth))


@router.delete("/{environment_id}")
def delete_environment(request: ApiRequest, environment_id: str) -> dict[str, Any]:
    services.delete_environment(access_environment(request.auth, environment_id), actor=request.auth)
    return {"id": environment_id, "type": "environment_deleted"}


def _check_scope(body: dict[str, Any]) -> None:
    if body.get("scope") == "account":
        raise InvalidRequest("scope: an API key can make environments of the scope organization only.")
