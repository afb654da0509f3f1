from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("agents", "0009_say_when_secrets_changed")]

    operations = [
        migrations.CreateModel(
            name="UnusedBlob",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("storage_key", models.CharField(max_length=255)),
                ("due_at", models.DateTimeField(db_index=True)),
            ],
        ),
    ]
