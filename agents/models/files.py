"""Files: a metadata row over stored bytes."""

from typing import Self

from django.db import models
from django.db.models import Q
from django.utils import timezone

from agents import limits
from agents.ids import MAX_ID_LENGTH
from agents.models.base import PublicIdField, WorkspaceOwned, WorkspaceQuerySet


class FileQuerySet(WorkspaceQuerySet):
    def originals(self) -> Self:
        """What was uploaded and what sessions made, without the copies that are mounted in sessions."""
        return self.filter(Q(session=None) | Q(downloadable=True))

    def outputs(self) -> Self:
        """What sessions made."""
        return self.filter(downloadable=True)

    def unexpired(self) -> Self:
        """What can be read at this moment."""
        return self.filter(Q(expires_at=None) | Q(expires_at__gt=timezone.now()))

    def older_than(self, file: "File") -> Self:
        """What comes after it in a list that begins with the newest."""
        return self.filter(Q(created_at__lt=file.created_at) | Q(created_at=file.created_at, pk__lt=file.pk))

    def newer_than(self, file: "File") -> Self:
        return self.filter(Q(created_at__gt=file.created_at) | Q(created_at=file.created_at, pk__gt=file.pk))


class File(WorkspaceOwned):
    """Uploaded by a client, or written by a session. Rows may share one stored blob (a file mounted in a session is a
    row of its own): the bytes go when the last row that names their `storage_key` does."""

    id = PublicIdField("file", primary_key=True)
    filename = models.TextField()
    mime_type = models.CharField(max_length=255)
    size_bytes = models.PositiveBigIntegerField()
    sha256 = models.CharField(max_length=64)
    storage_key = models.CharField(max_length=255, db_index=True)  # the name under which Django's storage keeps it
    # The wire's scope: the session that wrote the file, or that it was copied into.
    session = models.ForeignKey("agents.Session", null=True, blank=True, on_delete=models.CASCADE, related_name="files")
    output_path = models.TextField(null=True, blank=True)  # below the session's outputs folder; null for uploads
    downloadable = models.BooleanField(default=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    created_by = models.CharField(max_length=MAX_ID_LENGTH, blank=True)  # the actor's id

    objects = FileQuerySet.as_manager()  # type: ignore[misc]  # the stubs see a class variable overridden

    class Meta:
        indexes = [
            models.Index(fields=["workspace", "-created_at", "-id"], name="file_newest"),
            models.Index(fields=["session", "-created_at", "-id"], name="file_of_session"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(size_bytes__lte=limits.FILE_MAX_BYTES), name="file_size_within_limit"
            ),
        ]

    def __str__(self) -> str:
        return self.filename

    @property
    def is_expired(self) -> bool:
        """Its bytes are unavailable for good, whether they were deleted yet or not."""
        return self.expires_at is not None and self.expires_at <= timezone.now()


class UnusedBlob(models.Model):
    """Stored bytes that no row may name: written down before they are stored, and again when the last row that named
    them goes, so that a crash in between leaves nothing for ever."""

    storage_key = models.CharField(max_length=255)
    due_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return self.storage_key
