"""Webhook endpoints."""

from typing import Any, Literal, Required, TypedDict

from ninja import Router

from agents.access import access_webhook_endpoint
from agents.api import queries
from agents.api.auth import ApiRequest
from agents.api.bodies import Body
from agents.api.openapi import asks, takes
from agents.api.pagination import NEWEST_FIRST, ORDERS
from agents.api.shapes.webhooks import webhook_endpoint_shape
from agents.exceptions import InvalidRequest
from agents.limits import PAGE_DEFAULT, PAGE_MAX
from agents.models import WebhookEndpoint
from agents.services import webhooks as services


class WebhookCreateParams(TypedDict, total=False):
    """The SDK's own type lists only the events of whole organizations; here every event can be chosen."""

    url: Required[str]
    enabled_events: Required[list[str]]
    name: str
    description: str


class WebhookUpdateParams(TypedDict, total=False):
    """Only what is sent changes; an empty list of events changes nothing."""

    url: str
    enabled_events: list[str]
    name: str
    description: str
    state: Literal["disabled", "enabled"]


router = Router(tags=["webhooks"])
create_body = Body(WebhookCreateParams)
update_body = Body(WebhookUpdateParams)


@router.post("", openapi_extra=takes(create_body))
def create_webhook(request: ApiRequest) -> dict[str, Any]:
    """The answer holds the signing secret, which no other answer repeats."""
    endpoint, secret = services.create_endpoint(create_body(request), actor=request.auth)
    return {**webhook_endpoint_shape(endpoint), "signing_secret": secret}


@router.get("", openapi_extra=asks("after_id", "before_id", "limit", "order", least=0, order=ORDERS))
def list_webhooks(request: ApiRequest) -> dict[str, Any]:
    order = queries.choice(request, "order", ORDERS, NEWEST_FIRST)
    limit = queries.whole(request, "limit", least=0, most=PAGE_MAX) or PAGE_DEFAULT
    sign = "-" if order == NEWEST_FIRST else ""
    rows = WebhookEndpoint.objects.in_workspace(request.auth.workspace).order_by(f"{sign}created_at", f"{sign}pk")
    found = _beyond_cursor(request, list(rows))  # a workspace has a few dozen at most
    page = found[:limit]
    return {
        "data": [webhook_endpoint_shape(endpoint) for endpoint in page],
        "has_more": len(found) > limit,
        "first_id": page[0].pk if page else None,
        "last_id": page[-1].pk if page else None,
    }


@router.get("/{webhook_endpoint_id}")
def get_webhook(request: ApiRequest, webhook_endpoint_id: str) -> dict[str, Any]:
    return webhook_endpoint_shape(access_webhook_endpoint(request.auth, webhook_endpoint_id))


@router.post("/{webhook_endpoint_id}", openapi_extra=takes(update_body))
def update_webhook(request: ApiRequest, webhook_endpoint_id: str) -> dict[str, Any]:
    endpoint = access_webhook_endpoint(request.auth, webhook_endpoint_id)
    return webhook_endpoint_shape(services.update_endpoint(endpoint, update_body(request), actor=request.auth))


@router.delete("/{webhook_endpoint_id}")
def delete_webhook(request: ApiRequest, webhook_endpoint_id: str) -> dict[str, Any]:
    services.delete_endpoint(access_webhook_endpoint(request.auth, webhook_endpoint_id), actor=request.auth)
    return {"id": webhook_endpoint_id, "type": "webhook_endpoint_deleted"}


@router.post("/{webhook_endpoint_id}/regenerate_signing_secret")
def regenerate_signing_secret(request: ApiRequest, webhook_endpoint_id: str) -> dict[str, Any]:
    """The old secret is dead at once."""
    endpoint = access_webhook_endpoint(request.auth, webhook_endpoint_id)
    return {"signing_secret": services.regenerate_secret(endpoint, actor=request.auth)}


def _beyond_cursor(request: ApiRequest, rows: list[WebhookEndpoint]) -> list[WebhookEndpoint]:
    """`after_id` leaves what follows in the list's order, `before_id` what precedes."""
    after, before = queries.text(request, "after_id"), queries.text(request, "before_id")
    if after and before:
        raise InvalidRequest("after_id: give it or before_id, not both.")
    places = {row.pk: place for place, row in enumerate(rows)}
    for name, cursor in (("after_id", after), ("before_id", before)):
        if cursor and cursor not in places:
            raise InvalidRequest(f"{name}: {cursor!r} is no webhook endpoint of this workspace.")
    if after:
        return rows[places[after] + 1 :]
    return rows[: places[before]] if before else rows
