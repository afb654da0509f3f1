"""Who was removed from a workspace stays on record; the audit log says what changed."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("agents", "0005_tables_of_the_control_plane"),
    ]

    operations = [
        migrations.AddField(
            model_name="auditevent",
            name="detail",
            field=models.TextField(blank=True),
        ),
        migrations.AddField(
            model_name="member",
            name="last_seen_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="member",
            name="removed_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddIndex(
            model_name="auditevent",
            index=models.Index(fields=["workspace", "actor_id", "-created_at"], name="audit_of_actor"),
        ),
    ]
