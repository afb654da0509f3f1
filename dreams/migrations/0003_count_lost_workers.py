from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("dreams", "0002_add_dream_policies")]

    operations = [
        migrations.AddField("dream", "losses", models.PositiveIntegerField(default=0)),
    ]
