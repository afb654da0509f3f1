"""What happened, written in the transaction in which it happened; delivery to webhook endpoints reads from here."""

from django.db import models

from agents.models.base import PublicIdField, WorkspaceOwned


class OutboxEvent(WorkspaceOwned):
    """One webhook event: `type` such as `session.status_idled`, `data` the members beside type, id and workspace."""

    id = PublicIdField("outbox_event", primary_key=True)
    type = models.CharField(max_length=64)
    object_id = models.CharField(max_length=64)
    data = models.JSONField(default=dict)

    class Meta:
        indexes = [models.Index(fields=["workspace", "created_at"], name="outbox_in_order")]

    def __str__(self) -> str:
        return f"{self.type} {self.object_id}"
