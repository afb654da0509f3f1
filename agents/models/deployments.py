"""Deployments: a session's recipe, started by the clock or by hand; every start leaves a run."""

from django.db import models

from agents import limits
from agents.ids import MAX_ID_LENGTH
from agents.models.base import Archivable, PublicIdField, WorkspaceOwned
from agents.models.schedules import Scheduled


class DeploymentStatus(models.TextChoices):
    ACTIVE = "active"
    PAUSED = "paused"


class Deployment(Scheduled, Archivable, WorkspaceOwned):
    """`initial_events`, `resources`, `vault_ids` and `budget` are what each session is created with; tokens of
    resources are sealed apart. `paused_reason` is there exactly while the deployment is paused."""

    EDITED = (
        *("name", "description", "agent", "agent_version", "environment", "initial_events", "resources", "budget"),
        *("cron", "timezone"),
    )

    id = PublicIdField("deployment", primary_key=True)
    name = models.CharField(max_length=limits.DEPLOYMENT_NAME_MAX)
    description = models.TextField(null=True, blank=True)
    agent = models.ForeignKey("agents.Agent", on_delete=models.PROTECT, related_name="deployments")
    agent_version = models.PositiveIntegerField()
    environment = models.ForeignKey("agents.Environment", on_delete=models.PROTECT, related_name="deployments")
    initial_events = models.JSONField(default=list)
    resources = models.JSONField(default=list)
    sealed_tokens = models.TextField(blank=True)
    vault_ids = models.JSONField(default=list)
    budget = models.JSONField(null=True, blank=True)
    metadata = models.JSONField(default=dict, blank=True)
    status = models.CharField(max_length=16, choices=DeploymentStatus, default=DeploymentStatus.ACTIVE)
    paused_reason = models.JSONField(null=True, blank=True)
    created_by = models.CharField(max_length=MAX_ID_LENGTH)  # the actor on whose behalf its sessions run
    updated_at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["workspace", "-created_at", "-id"], name="deployment_newest"),
            models.Index(fields=["agent", "-created_at"], name="deployment_of_agent"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(status__in=DeploymentStatus.values), name="deployment_status_known"
            ),
            models.CheckConstraint(
                condition=models.Q(status="paused", paused_reason__isnull=False)
                | models.Q(status="active", paused_reason__isnull=True),
                name="deployment_paused_with_reason",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class RunTrigger(models.TextChoices):
    SCHEDULE = "schedule"
    MANUAL = "manual"


class DeploymentRun(WorkspaceOwned):
    """One attempt to create a session: it has either the session's id or the error. Append-only; the session's id stays
    when the session is deleted."""

    id = PublicIdField("deployment_run", primary_key=True)
    deployment = models.ForeignKey(Deployment, on_delete=models.CASCADE, related_name="runs")
    agent = models.ForeignKey("agents.Agent", on_delete=models.PROTECT, related_name="+")  # as the deployment had it
    agent_version = models.PositiveIntegerField()
    trigger = models.CharField(max_length=16, choices=RunTrigger)
    scheduled_at = models.DateTimeField(null=True, blank=True)
    session_id = models.CharField(max_length=MAX_ID_LENGTH, null=True, blank=True)
    error = models.JSONField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["workspace", "-created_at", "-id"], name="deployment_run_newest"),
            models.Index(fields=["deployment", "-created_at", "-id"], name="deployment_run_of"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["deployment", "scheduled_at"], name="deployment_run_once"),
            models.CheckConstraint(condition=models.Q(trigger__in=RunTrigger.values), name="deployment_run_trigger"),
            models.CheckConstraint(
                condition=models.Q(session_id=None, error__isnull=False)
                | models.Q(session_id__isnull=False, error__isnull=True),
                name="deployment_run_session_or_error",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.deployment_id} {self.created_at:%Y-%m-%d %H:%M}"
