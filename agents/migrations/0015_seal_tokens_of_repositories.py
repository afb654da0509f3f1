from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("agents", "0014_queue_work_for_self_hosted_environments")]

    operations = [
        migrations.AddField("sessionresource", "sealed_token", models.TextField(blank=True, default="")),
    ]
