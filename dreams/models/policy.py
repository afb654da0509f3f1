"""Dream policies: what is dreamt about again and again, and what came of every time it was due."""

from django.db import models

from agents.ids import MAX_ID_LENGTH
from agents.models.base import Archivable, PublicIdField, WorkspaceOwned
from agents.models.schedules import Scheduled
from dreams.limits import POLICY_NAME_MAX_CHARS, SESSIONS_MAX, WINDOW_DAYS
from memory.models import MemoryStore


class PolicyMode(models.TextChoices):
    REVIEW = "review"  # every change waits for a person
    AUTO = "auto"  # changes of a kind whose gate is open are written, the rest waits


class DreamPolicy(Scheduled, Archivable, WorkspaceOwned):
    """Which agent's sessions (without one: everybody's) are read into which store, how and when. `model` null is the
    model of the agent itself. `is_agents_own` marks the one that an agent's `dreaming` member stands for."""

    EDITED = (
        *("name", "agent_id", "store_id", "objective", "mode", "model", "window_days", "session_limit"),
        *("cron", "timezone"),
    )

    id = PublicIdField("dream_policy", primary_key=True)
    name = models.CharField(max_length=POLICY_NAME_MAX_CHARS)
    agent = models.ForeignKey("agents.Agent", null=True, on_delete=models.CASCADE, related_name="+")
    is_agents_own = models.BooleanField(default=False)
    store = models.ForeignKey(MemoryStore, null=True, on_delete=models.SET_NULL, related_name="+")
    objective = models.TextField(null=True)
    mode = models.CharField(max_length=16, choices=PolicyMode, default=PolicyMode.REVIEW)
    model = models.JSONField(null=True)  # {"id", "speed"}
    window_days = models.PositiveSmallIntegerField(default=WINDOW_DAYS)
    session_limit = models.PositiveSmallIntegerField(default=SESSIONS_MAX)
    is_enabled = models.BooleanField(default=True)
    updated_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["workspace", "-created_at", "-id"], name="dream_policy_newest")]
        constraints = [
            models.CheckConstraint(condition=models.Q(mode__in=PolicyMode.values), name="dream_policy_mode_known"),
            models.UniqueConstraint(
                fields=["agent"],
                condition=models.Q(is_agents_own=True, archived_at=None),
                name="dream_policy_of_agent_once",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_due_some_day(self) -> bool:
        """Whether the clock starts it: a policy without a schedule is run by hand only."""
        return bool(self.cron) and self.is_enabled and not self.is_archived


class PolicyTrigger(models.TextChoices):
    SCHEDULE = "schedule"
    MANUAL = "manual"


class PolicyRunResult(models.TextChoices):
    STARTED = "started"  # a dream was created
    NOTHING_NEW = "nothing_new"  # no session that was not read before
    SKIPPED = "skipped"  # its last dream was still going on
    FAILED = "failed"  # no dream could be created


class DreamPolicyRun(WorkspaceOwned):
    """One time that a policy was due, or was run by hand. Append-only; `reason` says in a sentence what happened."""

    id = PublicIdField("dream_policy_run", primary_key=True)
    policy = models.ForeignKey(DreamPolicy, on_delete=models.CASCADE, related_name="runs")
    trigger = models.CharField(max_length=16, choices=PolicyTrigger)
    scheduled_at = models.DateTimeField(null=True)
    result = models.CharField(max_length=16, choices=PolicyRunResult)
    dream_id = models.CharField(max_length=MAX_ID_LENGTH, null=True)
    session_count = models.PositiveSmallIntegerField(default=0)
    reason = models.TextField()

    class Meta:
        indexes = [models.Index(fields=["policy", "-created_at", "-id"], name="dream_policy_run_of")]
        constraints = [
            models.UniqueConstraint(fields=["policy", "scheduled_at"], name="dream_policy_run_once"),
            models.CheckConstraint(
                condition=models.Q(trigger__in=PolicyTrigger.values), name="dream_policy_run_trigger"
            ),
            models.CheckConstraint(
                condition=models.Q(result__in=PolicyRunResult.values), name="dream_policy_run_result_known"
            ),
            models.CheckConstraint(
                condition=models.Q(result="started", dream_id__isnull=False)
                | (~models.Q(result="started") & models.Q(dream_id=None)),
                name="dream_policy_run_dream_or_reason",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.policy_id} {self.created_at:%Y-%m-%d %H:%M}"
