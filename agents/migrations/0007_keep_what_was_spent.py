from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("agents", "0006_keep_who_left")]

    operations = [
        migrations.AddField("session", "spent", models.JSONField(blank=True, default=dict)),
        migrations.AddField("thread", "spent", models.JSONField(blank=True, default=dict)),
    ]
