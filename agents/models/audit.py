"""Who did what: one row per change that a person or a program made, written in the change's own transaction."""

from typing import Any, NoReturn

from django.db import models

from agents.ids import MAX_ID_LENGTH
from agents.models.base import PublicIdField, WorkspaceOwned


class AuditEvent(WorkspaceOwned):
    """Append-only. `action` is the wire's word for what happened, such as `agent.updated`; `actor_name` is kept as it
    was, because members leave and keys are revoked. `detail` names what changed, never a secret or anybody's words."""

    id = PublicIdField("audit_event", primary_key=True)
    actor_kind = models.CharField(max_length=16)
    actor_id = models.CharField(max_length=MAX_ID_LENGTH)
    actor_name = models.TextField(blank=True)
    action = models.CharField(max_length=64)
    object_id = models.CharField(max_length=MAX_ID_LENGTH)
    object_name = models.TextField(blank=True)
    detail = models.TextField(blank=True)
    reason = models.TextField(blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["workspace", "-created_at", "-id"], name="audit_newest"),
            models.Index(fields=["workspace", "object_id", "-created_at", "-id"], name="audit_of_object"),
            models.Index(fields=["workspace", "actor_id", "-created_at", "-id"], name="audit_of_actor"),
        ]

    def __str__(self) -> str:
        return f"{self.actor_name} {self.action} {self.object_id}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise TypeError("Audit events are append-only.")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError("Audit events are append-only.")
