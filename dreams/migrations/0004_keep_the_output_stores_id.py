from django.db import migrations, models

from agents.ids import MAX_ID_LENGTH


class Migration(migrations.Migration):
    dependencies = [("dreams", "0003_count_lost_workers")]

    operations = [
        # The column stays; the reference goes, so that deleting the store does not empty it.
        migrations.AlterField(
            "dream",
            "output_store",
            models.CharField(max_length=MAX_ID_LENGTH, null=True, db_column="output_store_id"),
        ),
        migrations.RenameField("dream", "output_store", "output_store_id"),
        migrations.AlterField("dream", "output_store_id", models.CharField(max_length=MAX_ID_LENGTH, null=True)),
    ]
