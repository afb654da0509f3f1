"""Webhook endpoints; the signing secret is no part of one."""

from typing import Any

from agents.eventlog.wire import timestamp
from agents.models import WebhookEndpoint


def webhook_endpoint_shape(endpoint: WebhookEndpoint) -> dict[str, Any]:
    return {
        "id": endpoint.pk,
        "url": endpoint.url,
        "name": endpoint.name,
        "description": endpoint.description,
        "enabled_events": endpoint.enabled_events,
        "state": endpoint.state,
        "disabled_reason": endpoint.disabled_reason,
        "created_at": timestamp(endpoint.created_at),
        "updated_at": timestamp(endpoint.updated_at),
    }
