"""Sessions, their threads and resources; a thread row carries the lease that lets exactly one worker run it."""

from typing import Any, Self

from django.db import models
from django.utils import timezone

from agents.exceptions import Conflict
from agents.ids import MAX_ID_LENGTH
from agents.models.base import Archivable, PublicIdField, WorkspaceOwned, WorkspaceQuerySet


class SessionStatus(models.TextChoices):
    IDLE = "idle"  # waits for input
    RUNNING = "running"  # a turn is under way
    RESCHEDULING = "rescheduling"  # a transient fault; the turn goes on by itself
    TERMINATED = "terminated"  # final


TRANSITIONS: dict[str, set[str]] = {
    SessionStatus.IDLE: {SessionStatus.RUNNING, SessionStatus.TERMINATED},
    SessionStatus.RUNNING: {SessionStatus.IDLE, SessionStatus.RESCHEDULING, SessionStatus.TERMINATED},
    SessionStatus.RESCHEDULING: {SessionStatus.RUNNING, SessionStatus.IDLE, SessionStatus.TERMINATED},
    SessionStatus.TERMINATED: set(),
}


class SessionKind(models.TextChoices):
    AGENT = "agent"  # an ordinary session
    DREAM = "dream"  # a dream's own trace; retrievable by id, left out of lists
    IMPORTED = "imported"  # a transcript from elsewhere, finished from the start


class VerdictResult(models.TextChoices):
    COMPLETED = "completed"
    FAILED = "failed"


class Uncounted(models.TextChoices):
    """Why the sums of a `CostDay` lack what a session has spent; None where they have it."""

    NEW = "new"  # not in them yet
    CHANGED = "changed"  # in them as it was


def counted_anew() -> models.Case:
    """`uncounted` of a session whose part in the sums changes by the same statement."""
    return models.Case(models.When(uncounted=None, then=models.Value(Uncounted.CHANGED)), default=models.F("uncounted"))


class Session(Archivable, WorkspaceOwned):
    """`agent_snapshot` is the wire's agent object at creation; `principal` is on whose behalf the session runs.

    `usage` holds the wire members that the log folds to, `spent` the same by day and model, which is what a cost is
    made of; `verdict` repeats the latest `Verdict` row, `uncounted` is what `CostDay` is about.
    """

    id = PublicIdField("session", primary_key=True)
    kind = models.CharField(max_length=16, choices=SessionKind, default=SessionKind.AGENT)
    agent = models.ForeignKey("agents.Agent", on_delete=models.PROTECT, related_name="sessions")
    agent_version = models.PositiveIntegerField()
    agent_snapshot = models.JSONField()
    environment = models.ForeignKey("agents.Environment", on_delete=models.PROTECT, related_name="sessions")
    deployment = models.ForeignKey(
        "agents.Deployment", null=True, blank=True, on_delete=models.SET_NULL, related_name="sessions"
    )
    vault_ids = models.JSONField(default=list, blank=True)
    budget = models.JSONField(null=True, blank=True)  # the wire's object; can be raised or removed, never added later
    title = models.TextField(null=True, blank=True)
    metadata = models.JSONField(default=dict, blank=True)
    status = models.CharField(max_length=16, choices=SessionStatus, default=SessionStatus.IDLE)
    stop_reason = models.JSONField(null=True, blank=True)
    principal = models.CharField(max_length=255)
    is_practice = models.BooleanField(default=False)  # its turns were answered by the practice model
    verdict = models.CharField(max_length=16, choices=VerdictResult, null=True, blank=True)
    escalated_at = models.DateTimeField(null=True, blank=True)
    next_seq = models.PositiveBigIntegerField(default=1)
    next_position = models.PositiveBigIntegerField(default=1)  # arrival order of the inbox
    last_processed_at = models.DateTimeField(null=True, blank=True)  # keeps processed_at monotonic in a session
    usage = models.JSONField(default=dict, blank=True)
    spent = models.JSONField(default=dict, blank=True)
    uncounted = models.CharField(
        max_length=8,
        choices=Uncounted,
        default=Uncounted.NEW,
        db_default=Uncounted.NEW,  # also of what a process of the version before still makes
        null=True,
        editable=False,
    )
    active_seconds = models.FloatField(default=0.0)
    running_since = models.DateTimeField(null=True, blank=True)
    repeated_requests = models.PositiveIntegerField(
        default=0
    )  # model requests that a killed worker made necessary again
    import_key = models.CharField(
        max_length=64, null=True, blank=True
    )  # content hash: importing twice makes one session
    updated_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["workspace", "-created_at", "-id"], name="session_newest"),
            models.Index(fields=["agent", "-created_at"], name="session_of_agent"),
            # A rare status would otherwise be looked for in every session: 84 ms among 100,000 against 4 ms.
            models.Index(fields=["workspace", "status", "-created_at", "-id"], name="session_by_status"),
            # The few that are not in the sums of their day: to say what all cost, only these are looked at.
            models.Index(
                fields=["workspace", "created_at"],
                name="session_uncounted",
                condition=models.Q(uncounted__isnull=False),
            ),
        ]
        constraints = [
            models.CheckConstraint(condition=models.Q(status__in=SessionStatus.values), name="session_status_known"),
            models.CheckConstraint(condition=models.Q(kind__in=SessionKind.values), name="session_kind_known"),
            models.CheckConstraint(
                condition=models.Q(verdict=None) | models.Q(verdict__in=VerdictResult.values),
                name="session_verdict_known",
            ),
            models.CheckConstraint(
                condition=models.Q(uncounted=None) | models.Q(uncounted__in=Uncounted.values),
                name="session_uncounted_known",
            ),
            models.UniqueConstraint(fields=["workspace", "import_key"], name="session_imported_once"),
        ]

    def __str__(self) -> str:
        return self.title or self.id

    @property
    def is_running(self) -> bool:
        return self.status in (SessionStatus.RUNNING, SessionStatus.RESCHEDULING)

    @property
    def is_terminated(self) -> bool:
        return self.status == SessionStatus.TERMINATED

    @property
    def active_until_now(self) -> float:
        """Seconds, the turn under way included."""
        now = timezone.now()
        return self.active_seconds + max(0.0, (now - (self.running_since or now)).total_seconds())

    @property
    def awaits_answers(self) -> bool:
        """Whether it rests until somebody allows, denies or answers a call."""
        return self.status == SessionStatus.IDLE and (self.stop_reason or {}).get("type") == "requires_action"

    @property
    def end_word(self) -> str:
        """How a session that is over ended: archiving also terminates it, and is what its owner did."""
        return "archived" if self.is_archived else "terminated"

    def advance(self, to: str, *, expected: str, **changes: Any) -> None:
        """Move the status by compare-and-set; `Conflict` when somebody else moved it first."""
        if to not in TRANSITIONS[expected]:
            raise Conflict(f"A session cannot go from {expected} to {to}.")
        moved = type(self).objects.filter(pk=self.pk, status=expected).update(status=to, **changes)
        if not moved:
            raise Conflict(f"The session {self.pk} is no longer {expected}.")
        self.status = to
        for name, value in changes.items():
            setattr(self, name, value)


class ThreadQuerySet(WorkspaceQuerySet):
    def primary(self) -> Self:
        return self.filter(parent=None)

    def waiting(self) -> Self:
        """With input that nobody has taken in."""
        return self.filter(wake__gt=models.F("seen"))


class Thread(Archivable):
    """One conversation of a session. `wake` counts input, `seen` is what the last run took in, `fence` is the token of
    the present lease: a write whose fence is not the row's is refused."""

    id = PublicIdField("thread", primary_key=True)
    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="threads")
    # Its session's, repeated for the index below: whose turn it is asks for what waits in each workspace.
    workspace = models.ForeignKey(
        "agents.Workspace",
        on_delete=models.CASCADE,
        related_name="+",
        editable=False,
        db_index=False,
        db_constraint=False,
    )
    parent = models.ForeignKey("self", null=True, blank=True, on_delete=models.CASCADE, related_name="children")
    agent_snapshot = models.JSONField()
    status = models.CharField(max_length=16, choices=SessionStatus, default=SessionStatus.IDLE)
    usage = models.JSONField(null=True, blank=True)
    spent = models.JSONField(default=dict, blank=True)
    active_seconds = models.FloatField(default=0.0)
    running_since = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    wake = models.PositiveBigIntegerField(default=0)
    seen = models.PositiveBigIntegerField(default=0)
    wake_at = models.DateTimeField(null=True, blank=True)  # not before this: the backoff of a retried model request
    fence = models.PositiveBigIntegerField(default=0)
    lease_owner = models.CharField(max_length=64, null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    enqueued_at = models.DateTimeField(null=True, blank=True)
    losses = models.PositiveIntegerField(default=0)  # holders in a row that were lost with the same step

    was_lost = False  # set by `leases.acquire` on the row it returns

    objects = ThreadQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(status__in=SessionStatus.values), name="thread_status_known"),
        ]
        indexes = [
            # Input not yet taken in: what the sweeper looks for, and who stands in line, workspace by workspace.
            models.Index(
                fields=["workspace", "lease_until", "enqueued_at"],
                name="thread_in_line",
                condition=models.Q(wake__gt=models.F("seen")),
            ),
        ]

    def __str__(self) -> str:
        return self.id

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self._state.adding:
            self.workspace_id = self.session.workspace_id
        super().save(*args, **kwargs)

    @property
    def is_primary(self) -> bool:
        return self.parent_id is None

    @property
    def is_waiting(self) -> bool:
        return self.wake > self.seen

    @property
    def agent_name(self) -> str:
        return str(self.agent_snapshot.get("name", ""))


class SessionResource(models.Model):
    """Something attached to a session. `kind` selects the plug that validates and mounts it; there is no foreign key to
    the target because its table may live in an app that the kernel must not know."""

    id = PublicIdField("session_resource", primary_key=True)
    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="resources")
    kind = models.CharField(max_length=32)
    target_id = models.CharField(max_length=MAX_ID_LENGTH, db_index=True)
    config = models.JSONField(default=dict)
    sealed_token = models.TextField(blank=True, default="")  # what a private repository is cloned with
    position = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["position"]

    def __str__(self) -> str:
        return f"{self.kind} {self.target_id}"


class Verdict(WorkspaceOwned):
    """Did the session do its job, and who said so; the latest row counts. Never written by the agent itself."""

    class Source(models.TextChoices):
        CHECKER = "checker"  # a program, through the API
        PERSON = "person"
        IMPORT = "import"
        GRADER = "grader"

    id = PublicIdField("verdict", primary_key=True)
    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="verdicts")
    result = models.CharField(max_length=16, choices=VerdictResult)
    source = models.CharField(max_length=16, choices=Source)
    actor_id = models.CharField(max_length=MAX_ID_LENGTH)
    explanation = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(result__in=VerdictResult.values), name="verdict_result_known"),
        ]

    def __str__(self) -> str:
        return f"{self.session_id}: {self.result}"
