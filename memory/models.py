"""Stores, memories and their append-only versions."""

from django.db import models

from agents.ids import MAX_ID_LENGTH
from agents.models.base import Archivable, PublicIdField, WorkspaceOwned
from memory import limits


class Tier(models.TextChoices):
    ORGANIZATION = "organization"  # standards; read-only to agents and dreams
    VERIFIED = "verified"  # project facts a person confirmed; read-only to agents and dreams
    WORKING = "working"  # what agents and dreams may write

    @property
    def is_read_only(self) -> bool:
        return self != Tier.WORKING


class MemoryStore(Archivable, WorkspaceOwned):
    """`unreviewed_review_id` marks the candidate copy that a dream left: it holds what no person has approved yet."""

    EDITED = ("name", "description", "tier")

    id = PublicIdField("memory_store", primary_key=True)
    name = models.CharField(max_length=limits.STORE_NAME_MAX)
    description = models.CharField(max_length=limits.STORE_DESCRIPTION_MAX, blank=True, default="")
    tier = models.CharField(max_length=16, choices=Tier, default=Tier.WORKING)
    metadata = models.JSONField(default=dict, blank=True)
    unreviewed_review_id = models.CharField(max_length=MAX_ID_LENGTH, null=True, blank=True)
    updated_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["workspace", "-created_at", "-id"], name="store_newest")]
        constraints = [
            models.CheckConstraint(condition=models.Q(tier__in=Tier.values), name="store_tier_known"),
        ]

    def __str__(self) -> str:
        return self.name


class Memory(models.Model):
    """One file of a store; `content` repeats the head version's."""

    id = PublicIdField("memory", primary_key=True)
    store = models.ForeignKey(MemoryStore, on_delete=models.CASCADE, related_name="memories")
    path = models.CharField(max_length=limits.PATH_MAX_BYTES)
    content = models.TextField(blank=True)
    content_sha256 = models.CharField(max_length=64)
    content_size_bytes = models.PositiveIntegerField()
    head_version_id = models.CharField(max_length=MAX_ID_LENGTH)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["store", "path"], name="memory_path_once")]

    def __str__(self) -> str:
        return self.path


class Operation(models.TextChoices):
    CREATED = "created"
    MODIFIED = "modified"
    DELETED = "deleted"


class ActorType(models.TextChoices):
    SESSION = "session_actor"
    API_KEY = "api_actor"
    USER = "user_actor"
    SERVICE_ACCOUNT = "service_account_actor"


class MemoryVersion(models.Model):
    """One change of one memory. `provenance` names what led to it: proposal, dream, reviewer and evidence, or nothing.

    `memory_id` is no foreign key: versions survive the memory, and die with the store.
    """

    id = PublicIdField("memory_version", primary_key=True)
    store = models.ForeignKey(MemoryStore, on_delete=models.CASCADE, related_name="versions")
    memory_id = models.CharField(max_length=MAX_ID_LENGTH)
    operation = models.CharField(max_length=16, choices=Operation)
    path = models.CharField(max_length=limits.PATH_MAX_BYTES, null=True)
    content = models.TextField(null=True)
    content_sha256 = models.CharField(max_length=64, null=True)
    content_size_bytes = models.PositiveIntegerField(null=True)
    actor_type = models.CharField(max_length=32, choices=ActorType, null=True)
    actor_id = models.CharField(max_length=MAX_ID_LENGTH, null=True)
    provenance = models.JSONField(null=True)
    proposal_id = models.CharField(max_length=MAX_ID_LENGTH, null=True)  # repeats provenance, to be searched
    redacted_at = models.DateTimeField(null=True)
    redacted_by_type = models.CharField(max_length=32, null=True)
    redacted_by_id = models.CharField(max_length=MAX_ID_LENGTH, null=True)
    created_at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["memory_id", "-id"], name="version_of_memory"),
            models.Index(fields=["store", "-id"], name="version_of_store"),
            models.Index(fields=["proposal_id"], name="version_of_proposal"),
        ]

    def __str__(self) -> str:
        return f"{self.operation} {self.path}"
