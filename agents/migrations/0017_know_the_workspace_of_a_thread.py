"""Waiting turns are looked at by workspace, so a thread says which one is its own."""

import django.db.models.deletion
from django.db import migrations, models


def fill(apps, schema_editor):
    Session, Thread = apps.get_model("agents", "Session"), apps.get_model("agents", "Thread")
    own = Session.objects.filter(pk=models.OuterRef("session_id")).values("workspace_id")
    Thread.objects.filter(workspace=None).update(workspace_id=models.Subquery(own))


def workspace(**options):
    return models.ForeignKey(
        "agents.workspace",
        db_constraint=False,
        db_index=False,
        editable=False,
        on_delete=django.db.models.deletion.CASCADE,
        related_name="+",
        **options,
    )


class Migration(migrations.Migration):
    dependencies = [("agents", "0016_count_lost_workers")]

    operations = [
        migrations.AddField("thread", "workspace", workspace(null=True)),
        migrations.RunPython(fill, migrations.RunPython.noop, elidable=True),
        migrations.AlterField("thread", "workspace", workspace()),
        migrations.RemoveIndex("thread", "thread_waiting"),
        migrations.AddIndex(
            "thread",
            models.Index(
                fields=["workspace", "lease_until", "enqueued_at"],
                name="thread_in_line",
                condition=models.Q(wake__gt=models.F("seen")),
            ),
        ),
    ]
