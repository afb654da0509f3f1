"""Work for workers of somebody's own, their keys, and who of them asks for it."""

import agents.models.base
import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("agents", "0013_order_audit_indexes"),
    ]

    operations = [
        migrations.CreateModel(
            name="EnvironmentKey",
            fields=[
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                (
                    "id",
                    agents.models.base.PublicIdField(
                        editable=False, kind="environment_key", max_length=64, primary_key=True, serialize=False
                    ),
                ),
                ("name", models.CharField(max_length=255)),
                ("prefix", models.CharField(max_length=24)),
                ("digest", models.CharField(max_length=64, unique=True)),
                ("last_used_at", models.DateTimeField(blank=True, null=True)),
                ("revoked_at", models.DateTimeField(blank=True, null=True)),
                (
                    "created_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="agents.member",
                    ),
                ),
                (
                    "environment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="keys", to="agents.environment"
                    ),
                ),
                (
                    "workspace",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="agents.workspace"
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["environment", "-created_at", "-id"], name="environment_key_newest")],
            },
        ),
        migrations.CreateModel(
            name="PollingWorker",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("worker_id", models.CharField(max_length=255)),
                ("seen_at", models.DateTimeField(db_index=True)),
                (
                    "environment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="pollers", to="agents.environment"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("environment", "worker_id"), name="polling_worker_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="WorkItem",
            fields=[
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                (
                    "id",
                    agents.models.base.PublicIdField(
                        editable=False, kind="work", max_length=64, primary_key=True, serialize=False
                    ),
                ),
                ("session_id", models.CharField(max_length=64)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("queued", "Queued"),
                            ("starting", "Starting"),
                            ("active", "Active"),
                            ("stopping", "Stopping"),
                            ("stopped", "Stopped"),
                        ],
                        default="queued",
                        max_length=16,
                    ),
                ),
                ("metadata", models.JSONField(blank=True, default=dict)),
                ("worker_id", models.CharField(blank=True, max_length=255)),
                ("token_digest", models.CharField(blank=True, max_length=64, null=True, unique=True)),
                ("last_heartbeat", models.CharField(blank=True, max_length=40)),
                ("ttl_seconds", models.PositiveIntegerField(default=90)),
                ("available_at", models.DateTimeField()),
                ("polled_at", models.DateTimeField(blank=True, null=True)),
                ("acknowledged_at", models.DateTimeField(blank=True, null=True)),
                ("started_at", models.DateTimeField(blank=True, null=True)),
                ("lease_until", models.DateTimeField(blank=True, null=True)),
                ("stop_requested_at", models.DateTimeField(blank=True, null=True)),
                ("stopped_at", models.DateTimeField(blank=True, null=True)),
                (
                    "environment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="work", to="agents.environment"
                    ),
                ),
                (
                    "workspace",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="agents.workspace"
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["environment", "state", "created_at", "id"], name="work_in_line"),
                    models.Index(fields=["environment", "-created_at", "-id"], name="work_newest"),
                    models.Index(fields=["session_id", "state"], name="work_of_session"),
                    models.Index(
                        condition=models.Q(("state__in", ("starting", "active", "stopping"))),
                        fields=["lease_until"],
                        name="work_lapsing",
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["queued", "starting", "active", "stopping", "stopped"])),
                        name="work_state_known",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("state__in", ("queued", "starting", "active"))),
                        fields=("session_id",),
                        name="work_live_once_per_session",
                    ),
                ],
            },
        ),
    ]
