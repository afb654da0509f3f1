"""Files: upload, look up, hand out, delete; and what is swept when its time is over."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import IO

from django.conf import settings
from django.db import transaction
from django.db.models import Sum
from django.utils import timezone

from agents import audit, blobs
from agents.access import Scoped, access_row
from agents.actors import Actor
from agents.exceptions import InvalidRequest, NotFound, TooLarge
from agents.filenames import file_name, mime_type
from agents.limits import (
    FILE_EXPIRES_MAX_SECONDS,
    FILE_EXPIRES_MIN_SECONDS,
    FILE_MAX_BYTES,
    FILE_SHOWN_EXPIRED_DAYS,
)
from agents.models import File, Session, SessionResource, Workspace

GIB = 1024**3
CHUNK_BYTES = 256 * 1024
SWEPT_AT_ONCE = 500
FILE_RESOURCE = "file"  # the kind of session resource that a copy is attached as


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """Bytes on their way in, and what their sender says of them."""

    file: IO[bytes]
    filename: str | None
    mime_type: str | None
    size: int
    sha256: str


def access_file(scoped: Scoped, file_id: str) -> File:
    return access_row(File, scoped, file_id, "File")


def access_usable(scoped: Scoped, file_id: str) -> File:
    """A file of the workspace whose bytes are still there."""
    file = access_file(scoped, file_id)
    check_not_expired(file)
    return file


def content_of(file: IO[bytes], *, filename: str | None, mime_type: str | None) -> Content:
    """A file that was taken in elsewhere, measured and hashed."""
    file.seek(0)
    digest, size = sha256(), 0
    while chunk := file.read(CHUNK_BYTES):
        digest.update(chunk)
        size += len(chunk)
    file.seek(0)
    return Content(file=file, filename=filename, mime_type=mime_type, size=size, sha256=digest.hexdigest())


def upload_file(content: Content, *, expires_in_seconds: int | None = None, actor: Actor) -> File:
    """Keep what a client sent; with `expires_in_seconds` for that long only."""
    _check_expiry(expires_in_seconds)
    check_room(actor.workspace, content.size)
    key = blobs.put(content.file)
    with transaction.atomic():
        blobs.keep(key)
        file = make_file(actor.workspace, content, key, created_by=actor.id)
        if expires_in_seconds:
            file.expires_at = file.created_at + timedelta(seconds=expires_in_seconds)
            file.save(update_fields=["expires_at"])
        audit.record(actor, "file.uploaded", file.pk, name=file.filename)
    return file


def make_file(workspace: Workspace, content: Content, key: str, **columns: object) -> File:
    """The row over stored bytes, inside the caller's transaction."""
    kind = mime_type(content.mime_type, content.filename)
    return File.objects.create(
        workspace=workspace,
        filename=file_name(content.filename, kind),
        mime_type=kind,
        size_bytes=content.size,
        sha256=content.sha256,
        storage_key=key,
        **columns,
    )


def check_room(workspace: Workspace, size: int) -> None:
    """Refuse what is too large, alone or with all that the workspace has stored."""
    if size > FILE_MAX_BYTES:
        raise TooLarge(f"A file may have at most {FILE_MAX_BYTES:,} bytes.")
    quota = settings.LUCID_FILES_QUOTA_GIB * GIB
    if stored_bytes(workspace) + size > quota:
        raise InvalidRequest(
            f"The files of this workspace may have {settings.LUCID_FILES_QUOTA_GIB:,} GiB together; delete some first.",
            code="storage_quota_exceeded",
        )


def stored_bytes(workspace: Workspace) -> int:
    """What the workspace's files take; a copy mounted in a session shares the bytes of its original."""
    return int(File.objects.in_workspace(workspace).originals().aggregate(total=Sum("size_bytes", default=0))["total"])


def open_file(file: File) -> IO[bytes]:
    """The bytes, for whoever may have them: what a session made, while it has not expired."""
    check_not_expired(file)
    if not file.downloadable:
        raise InvalidRequest(
            f"The file {file.pk} was uploaded: only files that a session made can be downloaded.",
            code="file_not_downloadable",
        )
    return blobs.open_blob(file.storage_key)


def check_not_expired(file: File) -> None:
    """`NotFound` once a file's bytes are gone, also while its row is still shown."""
    if file.is_expired:
        raise NotFound(f"The file {file.pk} expired: its content is gone.", code="file_expired")


@transaction.atomic
def delete_file(file: File, *, actor: Actor) -> None:
    """The row at once; its bytes when no other row has them. A session's copy is no longer attached to it either."""
    if File.objects.filter(pk=file.pk).delete()[0]:
        _detach([file])
        blobs.let_go([file.storage_key])
        audit.record(actor, "file.deleted", file.pk, name=file.filename)


def forget_files(files: Iterable[File]) -> None:
    """Take rows away inside the caller's transaction, when what they belong to goes."""
    rows = list(files)
    File.objects.filter(pk__in=[row.pk for row in rows]).delete()
    if rows:
        _detach(rows)
        blobs.let_go(row.storage_key for row in rows)


def forget_session_files(session: Session) -> None:
    """What a session made, and what was copied into it; uploads stay."""
    forget_files(File.objects.filter(session=session))


def sweep_expired() -> int:
    """Rows are shown for a while after their bytes became unavailable; then both go."""
    shown_until = timezone.now() - timedelta(days=FILE_SHOWN_EXPIRED_DAYS)
    with transaction.atomic():
        files = list(File.objects.filter(expires_at__lt=shown_until)[:SWEPT_AT_ONCE])
        forget_files(files)
    return len(files)


def _detach(files: Iterable[File]) -> None:
    """A session must not name what is gone; only copies are attached, and each to the session that it is of."""
    copies = [file.pk for file in files if file.session_id]
    SessionResource.objects.filter(kind=FILE_RESOURCE, target_id__in=copies).delete()


def _check_expiry(seconds: int | None) -> None:
    if seconds is not None and not FILE_EXPIRES_MIN_SECONDS <= seconds <= FILE_EXPIRES_MAX_SECONDS:
        raise InvalidRequest(
            f"expires_in_seconds: it must be from {FILE_EXPIRES_MIN_SECONDS} to {FILE_EXPIRES_MAX_SECONDS}."
        )
