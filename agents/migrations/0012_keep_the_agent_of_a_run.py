"""A deployment may get another agent; its earlier runs keep theirs."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("agents", "0011_keep_extensions_beside_agents")]

    operations = [
        migrations.AddField(
            model_name="deploymentrun",
            name="agent",
            # Nothing wrote runs before this column was there, so no row needs the default.
            field=models.ForeignKey(default="", on_delete=models.deletion.PROTECT, related_name="+", to="agents.agent"),
            preserve_default=False,
        ),
    ]
