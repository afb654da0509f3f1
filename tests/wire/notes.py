"""A kind of session resource that has an id, for tests: a plug like any other."""

from typing import Any

from agents.models import SessionResource


def shape(resource: SessionResource) -> dict[str, Any]:
    """As the wire's file resource."""
    at = resource.created_at
    return {
        "id": resource.pk,
        "type": "file",
        "file_id": resource.target_id,
        "mount_path": f"/mnt/session/uploads/{resource.target_id}",
        "created_at": at,
        "updated_at": at,
    }


def detached(resource: SessionResource) -> None:
    pass
