"""What sessions used is summed up by day; those that are there already the scheduler adds, some hundred at a time."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("agents", "0019_note_sent_forms")]

    operations = [
        migrations.CreateModel(
            "CostDay",
            [
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("day", models.DateField()),
                ("version", models.PositiveBigIntegerField(default=0)),
                ("sums", models.TextField(null=True)),
                ("ranked", models.TextField(default="[]")),
                ("edition", models.CharField(blank=True, default="", max_length=64)),
                (
                    "workspace",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="agents.workspace"
                    ),
                ),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("workspace", "day"), name="cost_day_once")],
            },
        ),
        migrations.AddField(
            "session",
            "uncounted",
            models.CharField(
                choices=[("new", "New"), ("changed", "Changed")],
                db_default="new",
                default="new",
                editable=False,
                max_length=8,
                null=True,
            ),
        ),
        migrations.AddConstraint(
            "session",
            models.CheckConstraint(
                condition=models.Q(uncounted=None) | models.Q(uncounted__in=["new", "changed"]),
                name="session_uncounted_known",
            ),
        ),
        migrations.AddIndex(
            "session",
            models.Index(
                fields=["workspace", "created_at"],
                name="session_uncounted",
                condition=models.Q(uncounted__isnull=False),
            ),
        ),
    ]
