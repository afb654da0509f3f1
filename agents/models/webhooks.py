"""Webhook endpoints: who is to be told of which events."""

from django.db import models

from agents.models.base import PublicIdField, WorkspaceOwned


class EndpointState(models.TextChoices):
    ENABLED = "enabled"
    DISABLED = "disabled"  # by a person, or by the sender, which says why in `disabled_reason`


class WebhookEndpoint(WorkspaceOwned):
    EDITED = ("url", "name", "description", "enabled_events", "secret_changed_at")

    id = PublicIdField("webhook_endpoint", primary_key=True)
    url = models.TextField()
    name = models.TextField(blank=True)
    description = models.TextField(blank=True)
    enabled_events = models.JSONField(default=list)
    state = models.CharField(max_length=16, choices=EndpointState, default=EndpointState.ENABLED)
    disabled_reason = models.TextField(blank=True)
    sealed_secret = models.TextField()
    secret_changed_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["workspace", "-created_at", "-id"], name="webhook_endpoint_newest")]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state__in=EndpointState.values), name="webhook_endpoint_state_known"
            ),
        ]

    def __str__(self) -> str:
        return self.name or self.url
