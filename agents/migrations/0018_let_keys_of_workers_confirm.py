from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("agents", "0017_know_the_workspace_of_a_thread")]

    operations = [
        migrations.AddField("environmentkey", "may_confirm", models.BooleanField(default=False)),
    ]
