"""What is attached to a session."""

from typing import Any

from anthropic.types.beta.sessions import ResourceAddParams, ResourceUpdateParams
from ninja import Router

from agents.access import access_session
from agents.api.auth import ApiRequest
from agents.api.bodies import Body
from agents.api.openapi import asks, takes
from agents.api.pagination import OLDEST_FIRST, limit_of, slice_of
from agents.api.shapes.sessions import resource_shape
from agents.exceptions import NotFound
from agents.limits import SESSION_RESOURCES_PAGE_MAX
from agents.models import Session, SessionResource
from agents.services import session_resources as services

router = Router(tags=["sessions"])
add_body = Body(ResourceAddParams)
update_body = Body(ResourceUpdateParams, elsewhere=["session_id"])


@router.get(
    "/{session_id}/resources",
    openapi_extra=asks("limit", "page", default=SESSION_RESOURCES_PAGE_MAX, most=SESSION_RESOURCES_PAGE_MAX),
)
def list_resources(request: ApiRequest, session_id: str) -> dict[str, Any]:
    """In the order in which they were attached; all of them unless a limit is given."""
    session = access_session(request.auth, session_id)
    page, next_page = slice_of(
        request,
        list(session.resources.all()),
        lambda resource: (resource.position,),
        listing=f"resources of {session.pk}",
        order=OLDEST_FIRST,
        kinds=(int,),
        limit=limit_of(request, default=SESSION_RESOURCES_PAGE_MAX, longest=SESSION_RESOURCES_PAGE_MAX),
    )
    return {"data": [resource_shape(resource) for resource in page], "next_page": next_page}


@router.post("/{session_id}/resources", openapi_extra=takes(add_body))
def add_resource(request: ApiRequest, session_id: str) -> dict[str, Any]:
    session = access_session(request.auth, session_id)
    return resource_shape(services.attach_file(session, add_body(request), actor=request.auth))


@router.get("/{session_id}/resources/{resource_id}")
def get_resource(request: ApiRequest, session_id: str, resource_id: str) -> dict[str, Any]:
    return resource_shape(_access(access_session(request.auth, session_id), resource_id))


@router.post("/{session_id}/resources/{resource_id}", openapi_extra=takes(update_body))
def update_resource(request: ApiRequest, session_id: str, resource_id: str) -> dict[str, Any]:
    resource = _access(access_session(request.auth, session_id), resource_id)
    token = update_body(request)["authorization_token"]
    return resource_shape(services.replace_token(resource, token, actor=request.auth))


@router.delete("/{session_id}/resources/{resource_id}")
def delete_resource(request: ApiRequest, session_id: str, resource_id: str) -> dict[str, Any]:
    resource = _access(access_session(request.auth, session_id), resource_id)
    services.detach_resource(resource, actor=request.auth)
    return {"id": resource_id, "type": "session_resource_deleted"}


def _access(session: Session, resource_id: str) -> SessionResource:
    """By its id; a kind whose shape shows no id, such as a memory store, can only be listed."""
    resource = session.resources.filter(pk=resource_id).first()
    if resource is None or "id" not in resource_shape(resource):
        raise NotFound(f"Resource {resource_id!r} was not found.")
    return resource
