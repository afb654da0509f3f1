from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("agents", "0010_note_unused_blobs")]

    operations = [
        migrations.AddField(
            model_name="agent",
            name="extensions",
            field=models.JSONField(blank=True, default=dict),
        ),
    ]
