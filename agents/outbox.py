"""The outbox: every state change leaves its event row in its own transaction; delivery comes later and elsewhere."""

from typing import Any

from agents.models import OutboxEvent, Workspace
from agents.prepared import PreparedInsert

_insert = PreparedInsert(OutboxEvent)


def emit(workspace: Workspace | str, type: str, object_id: str, **data: Any) -> None:
    """Note that something happened; call it inside the transaction that makes it happen."""
    workspace_id = workspace if isinstance(workspace, str) else workspace.pk
    _insert.run([OutboxEvent(workspace_id=workspace_id, type=type, object_id=object_id, data=data)])
