"""Say when a credential's or an endpoint's secret was last replaced."""

import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("agents", "0008_fill_what_was_spent")]

    operations = [
        migrations.AddField(
            model_name=model,
            name="secret_changed_at",
            field=models.DateTimeField(default=django.utils.timezone.now),
            preserve_default=False,
        )
        for model in ("credential", "webhookendpoint")
    ]
