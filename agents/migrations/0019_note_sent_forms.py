import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("agents", "0018_let_keys_of_workers_confirm")]

    operations = [
        migrations.CreateModel(
            "SentForm",
            [
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("digest", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("name", models.TextField(blank=True)),
                ("url", models.TextField(blank=True)),
                (
                    "workspace",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="agents.workspace"
                    ),
                ),
            ],
            options={"indexes": [models.Index(fields=["created_at"], name="sent_form_by_age")]},
        ),
    ]
