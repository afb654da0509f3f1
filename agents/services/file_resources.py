"""The session resource `file`: a copy of a file's row in the session's scope, mounted read-only in its sandbox.

`agents.plugs.ResourceKind` says when each function is called.
"""

from typing import Any

from agents import blobs
from agents.actors import Actor
from agents.eventlog.wire import timestamp
from agents.exceptions import InvalidRequest, NotFound
from agents.ids import new_id
from agents.limits import SESSION_RESOURCES_MAX
from agents.models import File, SessionResource
from agents.sandbox.base import Mount, Sandbox
from agents.services.files import access_usable, forget_files
from agents.upload_paths import check_apart, upload_path

KIND = "file"
PROMPT = "Files that the user attached are there to be read, not to be changed. Copy one to /workspace to work on it."


def validate(entry: dict[str, Any], *, actor: Actor) -> tuple[str, dict[str, Any]]:
    """The id of the copy that the session gets, and what the session shows of it."""
    original = access_usable(actor, entry["file_id"])
    copy_id = new_id("file")
    return copy_id, {
        "file_id": copy_id,
        "original_id": original.pk,
        "mount_path": upload_path(entry.get("mount_path"), original.pk),
        "filename": original.filename,
        "mime_type": original.mime_type,
        "size_bytes": original.size_bytes,
    }


def finish(configs: list[dict[str, Any]]) -> None:
    if len(configs) > SESSION_RESOURCES_MAX:
        raise InvalidRequest(f"resources: at most {SESSION_RESOURCES_MAX} files may be attached.")
    check_apart([config["mount_path"] for config in configs])


def attached(resources: list[SessionResource]) -> None:
    """The copies' rows, which share the bytes of their originals; the lock keeps those from going meanwhile."""
    wanted = [resource.config["original_id"] for resource in resources]
    originals = {file.pk: file for file in File.objects.select_for_update().filter(pk__in=wanted)}
    if gone := next((file_id for file_id in wanted if file_id not in originals), None):
        raise NotFound(f"File {gone!r} was not found.")
    for key in {original.storage_key for original in originals.values()}:
        blobs.keep(key)
    File.objects.bulk_create(
        File(
            **_columns(originals[resource.config["original_id"]]),
            id=resource.target_id,
            session_id=resource.session_id,
        )
        for resource in resources
    )


def detached(resource: SessionResource) -> None:
    forget_files(File.objects.filter(pk=resource.target_id, session=resource.session_id))


def shape(resource: SessionResource) -> dict[str, Any]:
    at = timestamp(resource.created_at)
    config = resource.config
    return {
        "id": resource.pk,
        "type": KIND,
        "file_id": config["file_id"],
        "mount_path": config["mount_path"],
        "created_at": at,
        "updated_at": at,
    }


def prompt(resources: list[SessionResource]) -> str:
    return "\n".join([PROMPT, *(_line(resource.config) for resource in resources)])


def mounts(resources: list[SessionResource]) -> list[Mount]:
    return []  # every box shows the folder of uploads; what lies in it is agents/runtime/uploads.py's affair


def before_turn(resources: list[SessionResource], sandbox: Sandbox) -> None:
    pass


def after_tools(resources: list[SessionResource], sandbox: Sandbox) -> list[str]:
    return []


def _columns(original: File) -> dict[str, Any]:
    names = ("workspace_id", "filename", "mime_type", "size_bytes", "sha256", "storage_key", "expires_at", "created_by")
    return {name: getattr(original, name) for name in names}


def _line(config: dict[str, Any]) -> str:
    return f"- {config['mount_path']}: {config['filename']}, {config['mime_type']}, {config['size_bytes']:,} bytes"
