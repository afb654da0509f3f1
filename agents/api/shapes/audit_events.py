"""Audit events."""

from typing import Any

from agents.eventlog.wire import timestamp
from agents.models import AuditEvent


def audit_event_shape(event: AuditEvent) -> dict[str, Any]:
    return {
        "id": event.pk,
        "type": "audit_event",
        "created_at": timestamp(event.created_at),
        "actor": {"type": event.actor_kind, "id": event.actor_id, "name": event.actor_name},
        "action": event.action,
        "object_id": event.object_id,
        "object_name": event.object_name or None,
        "detail": event.detail or None,
        "reason": event.reason or None,
    }
