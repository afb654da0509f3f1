"""Files."""

from typing import Any

from agents.eventlog.wire import timestamp
from agents.models import File


def file_shape(file: File) -> dict[str, Any]:
    return {
        "id": file.pk,
        "type": "file",
        "filename": file.filename,
        "mime_type": file.mime_type,
        "size_bytes": file.size_bytes,
        "created_at": timestamp(file.created_at),
        "downloadable": file.downloadable,
        "expires_at": timestamp(file.expires_at),
        "scope": {"type": "session", "id": file.session_id} if file.session_id else None,
    }
