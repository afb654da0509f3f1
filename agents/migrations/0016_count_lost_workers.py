from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("agents", "0015_seal_tokens_of_repositories")]

    operations = [
        migrations.AddField("thread", "losses", models.PositiveIntegerField(default=0)),
    ]
