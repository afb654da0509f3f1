"""A dream, the phases it went through and the model requests it made; each is recorded so that it can go on after a
kill."""

from django.db import models

from agents.ids import MAX_ID_LENGTH
from agents.models import Session
from agents.models.base import Archivable, PublicIdField, WorkspaceOwned


class DreamStatus(models.TextChoices):
    PENDING = "pending"  # created, no worker yet
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELED = "canceled"

    @property
    def is_final(self) -> bool:
        return self in (DreamStatus.COMPLETED, DreamStatus.FAILED, DreamStatus.CANCELED)


TRANSITIONS: dict[str, set[str]] = {
    DreamStatus.PENDING: {DreamStatus.RUNNING, DreamStatus.FAILED, DreamStatus.CANCELED},
    DreamStatus.RUNNING: {DreamStatus.COMPLETED, DreamStatus.FAILED, DreamStatus.CANCELED},
    DreamStatus.COMPLETED: set(),
    DreamStatus.FAILED: set(),
    DreamStatus.CANCELED: set(),
}


class OutputBehavior(models.TextChoices):
    CREATE_NEW = "create_new"
    UPDATE_EXISTING = "update_existing"


class Dream(Archivable, WorkspaceOwned):
    """`input_session_ids` is sorted. Stores that it read and wrote are named by id alone, which stays when they are
    deleted. `wake`, `seen`, `fence` and the lease are a thread's (see `agents.models.Thread`): exactly one worker
    drives a dream. `manifest` says what was chosen, read and written: `selection` of a policy, `memories` and
    `sessions` that were read, `prompts_sha256`, and `written` with the versions in the output store."""

    id = PublicIdField("dream", primary_key=True)
    status = models.CharField(max_length=16, choices=DreamStatus, default=DreamStatus.PENDING)
    policy = models.ForeignKey("dreams.DreamPolicy", null=True, on_delete=models.SET_NULL, related_name="dreams")
    input_store_id = models.CharField(max_length=MAX_ID_LENGTH)
    input_session_ids = models.JSONField()
    output_store_id = models.CharField(max_length=MAX_ID_LENGTH, null=True)
    session = models.ForeignKey(Session, null=True, on_delete=models.SET_NULL, related_name="+")
    model = models.JSONField()  # {"id", "speed"}
    instructions = models.TextField(null=True)
    output_behavior = models.CharField(max_length=32, choices=OutputBehavior, default=OutputBehavior.CREATE_NEW)
    usage = models.JSONField(default=dict)
    error = models.JSONField(null=True)
    manifest = models.JSONField(default=dict)
    actor_type = models.CharField(max_length=32, null=True)
    actor_id = models.CharField(max_length=MAX_ID_LENGTH, null=True)
    is_practice = models.BooleanField(default=False)
    ended_at = models.DateTimeField(null=True)

    wake = models.PositiveBigIntegerField(default=1)
    seen = models.PositiveBigIntegerField(default=0)
    wake_at = models.DateTimeField(null=True)
    fence = models.PositiveBigIntegerField(default=0)
    lease_owner = models.CharField(max_length=64, null=True)
    lease_until = models.DateTimeField(null=True)
    enqueued_at = models.DateTimeField(null=True)
    losses = models.PositiveIntegerField(default=0)  # holders in a row that were lost with the same step

    class Meta:
        indexes = [models.Index(fields=["workspace", "-created_at", "-id"], name="dream_newest")]
        constraints = [
            models.CheckConstraint(condition=models.Q(status__in=DreamStatus.values), name="dream_status_known"),
        ]

    def __str__(self) -> str:
        return self.id


class PhaseStatus(models.TextChoices):
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"


class DreamPhase(models.Model):
    """One of P0 to P9; `output` is what the next phases read, so a phase that completed is never run again."""

    dream = models.ForeignKey(Dream, on_delete=models.CASCADE, related_name="phases")
    position = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=16)
    status = models.CharField(max_length=16, choices=PhaseStatus, default=PhaseStatus.RUNNING)
    summary = models.JSONField(default=dict)  # counts for people
    output = models.JSONField(default=dict)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["dream", "name"], name="dream_phase_once"),
            models.CheckConstraint(condition=models.Q(status__in=PhaseStatus.values), name="dream_phase_status_known"),
        ]

    def __str__(self) -> str:
        return f"{self.dream_id} {self.name}"


class DreamRequest(models.Model):
    """One model request of a dream that was answered: map per session, reduce per cluster. `attempts` counts what it
    cost, tries that a kill made necessary included."""

    dream = models.ForeignKey(Dream, on_delete=models.CASCADE, related_name="requests")
    kind = models.CharField(max_length=16)  # map | reduce
    key = models.CharField(max_length=128)  # session id, or cluster key hash
    thread_id = models.CharField(max_length=MAX_ID_LENGTH)
    attempts = models.PositiveSmallIntegerField(default=1)
    answer = models.JSONField(null=True)
    problem = models.TextField(blank=True)
    usage = models.JSONField(default=dict)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["dream", "kind", "key"], name="dream_request_once")]

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"
