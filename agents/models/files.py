"""Files: a metadata row over stored bytes."""

from django.db import models

from agents import limits
from agents.ids import MAX_ID_LENGTH
from agents.models.base import PublicIdField, WorkspaceOwned


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


class UnusedBlob(models.Model):
    """Stored bytes that no row may name: written down before they are stored, and again when the last row that named
    them goes, so that a crash in between leaves nothing for ever."""

    storage_key = models.CharField(max_length=255)
    due_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return self.storage_key
