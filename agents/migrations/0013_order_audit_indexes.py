"""The indexes of the audit log end in the id, as its pages are ordered: without it the planner walks the whole log."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("agents", "0012_keep_the_agent_of_a_run"),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name="auditevent",
            name="audit_of_object",
        ),
        migrations.RemoveIndex(
            model_name="auditevent",
            name="audit_of_actor",
        ),
        migrations.AddIndex(
            model_name="auditevent",
            index=models.Index(fields=["workspace", "object_id", "-created_at", "-id"], name="audit_of_object"),
        ),
        migrations.AddIndex(
            model_name="auditevent",
            index=models.Index(fields=["workspace", "actor_id", "-created_at", "-id"], name="audit_of_actor"),
        ),
    ]
