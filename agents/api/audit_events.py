"""The audit log; beyond the wire. Any key that reads may read it: admins give keys out, and keeping a copy of the log
elsewhere is what such a key is for."""

from typing import Any

from ninja import Router

from agents.api import queries
from agents.api.auth import ApiRequest
from agents.api.openapi import asks
from agents.api.pagination import NEWEST_FIRST, ORDERS, page_of
from agents.api.shapes.audit_events import audit_event_shape
from agents.models import AuditEvent

FILTERS = ("action", "object_id", "actor_id")
router = Router(tags=["audit"])


@router.get("", openapi_extra=asks("limit", "page", "order", *FILTERS, *queries.CREATED_AT, order=ORDERS))
def list_audit_events(request: ApiRequest) -> dict[str, Any]:
    """Who did what: newest first, or oldest first with order=asc."""
    given = {name: value for name in FILTERS if (value := queries.text(request, name))}
    return page_of(
        request,
        AuditEvent.objects.in_workspace(request.auth.workspace).filter(**given),
        audit_event_shape,
        listing="audit_events",
        order=queries.choice(request, "order", ORDERS, NEWEST_FIRST),
        created_at=queries.bounds(request, "created_at"),
    )
