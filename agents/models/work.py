"""Self-hosted environments: the sessions that wait for a worker of somebody's own, and the keys of those workers."""

from typing import Any

from django.db import models

from agents import limits
from agents.exceptions import Conflict
from agents.ids import MAX_ID_LENGTH
from agents.models.base import PublicIdField, WorkspaceOwned


class WorkState(models.TextChoices):
    QUEUED = "queued"  # waits for a worker, or was handed to one that has not said so yet
    STARTING = "starting"  # a worker took it
    ACTIVE = "active"  # the worker beats
    STOPPING = "stopping"  # the worker is told to end with its next beat
    STOPPED = "stopped"  # final


TRANSITIONS: dict[str, set[str]] = {
    WorkState.QUEUED: {WorkState.STARTING, WorkState.STOPPED},
    WorkState.STARTING: {WorkState.ACTIVE, WorkState.QUEUED, WorkState.STOPPING, WorkState.STOPPED},
    WorkState.ACTIVE: {WorkState.ACTIVE, WorkState.QUEUED, WorkState.STOPPING, WorkState.STOPPED},
    WorkState.STOPPING: {WorkState.STOPPED},
    WorkState.STOPPED: set(),
}
LIVE = (WorkState.QUEUED, WorkState.STARTING, WorkState.ACTIVE)
HELD = (WorkState.STARTING, WorkState.ACTIVE, WorkState.STOPPING)


class EnvironmentKey(WorkspaceOwned):
    """What a worker polls with: only the HMAC digest is kept; the key itself is shown once. With `may_confirm` a person
    who watches the worker decides on the agent's calls with it."""

    id = PublicIdField("environment_key", primary_key=True)
    environment = models.ForeignKey("agents.Environment", on_delete=models.CASCADE, related_name="keys")
    name = models.CharField(max_length=limits.ENVIRONMENT_KEY_NAME_MAX)
    prefix = models.CharField(max_length=24)
    digest = models.CharField(max_length=64, unique=True)
    may_confirm = models.BooleanField(default=False)
    created_by = models.ForeignKey("agents.Member", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["environment", "-created_at", "-id"], name="environment_key_newest")]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"


class WorkItem(WorkspaceOwned):
    """One session for one worker. `last_heartbeat` is text, because workers send it back byte for byte; `token_digest`
    is of the secret that the last poll gave out."""

    id = PublicIdField("work", primary_key=True)
    environment = models.ForeignKey("agents.Environment", on_delete=models.CASCADE, related_name="work")
    session_id = models.CharField(max_length=MAX_ID_LENGTH)  # no foreign key: the worker hears of it when it is deleted
    state = models.CharField(max_length=16, choices=WorkState, default=WorkState.QUEUED)
    metadata = models.JSONField(default=dict, blank=True)
    worker_id = models.CharField(max_length=limits.WORKER_ID_MAX, blank=True)
    token_digest = models.CharField(max_length=64, null=True, blank=True, unique=True)
    last_heartbeat = models.CharField(max_length=40, blank=True)
    ttl_seconds = models.PositiveIntegerField(default=limits.WORK_TTL_SECONDS)
    available_at = models.DateTimeField()  # not handed out before
    polled_at = models.DateTimeField(null=True, blank=True)
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    stop_requested_at = models.DateTimeField(null=True, blank=True)
    stopped_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["environment", "state", "created_at", "id"], name="work_in_line"),
            models.Index(fields=["environment", "-created_at", "-id"], name="work_newest"),
            models.Index(fields=["session_id", "state"], name="work_of_session"),
            models.Index(fields=["lease_until"], name="work_lapsing", condition=models.Q(state__in=HELD)),
        ]
        constraints = [
            models.CheckConstraint(condition=models.Q(state__in=WorkState.values), name="work_state_known"),
            models.UniqueConstraint(
                fields=["session_id"], condition=models.Q(state__in=LIVE), name="work_live_once_per_session"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.id} for {self.session_id}"

    def advance(self, to: str, *, expected: str, **changes: Any) -> None:
        """Move the state by compare-and-set; `Conflict` when somebody else moved it first."""
        if to not in TRANSITIONS[expected]:
            raise Conflict(f"A work item cannot go from {expected} to {to}.")
        if not type(self).objects.filter(pk=self.pk, state=expected).update(state=to, **changes):
            raise Conflict(f"The work item {self.pk} is no longer {expected}.")
        self.state = to
        for name, value in changes.items():
            setattr(self, name, value)


class PollingWorker(models.Model):
    """Who asked an environment for work, and when last."""

    environment = models.ForeignKey("agents.Environment", on_delete=models.CASCADE, related_name="pollers")
    worker_id = models.CharField(max_length=limits.WORKER_ID_MAX)
    seen_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["environment", "worker_id"], name="polling_worker_once")]

    def __str__(self) -> str:
        return self.worker_id
