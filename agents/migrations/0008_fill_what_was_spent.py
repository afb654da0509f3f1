from django.db import migrations

COUNTERS = ("input_tokens", "output_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")


def spread(apps, schema_editor):
    """What was used before, on the day on which its session began: which day it was of a longer one nobody kept."""
    for name in ("Session", "Thread"):
        model = apps.get_model("agents", name)
        for row in model.objects.only("usage", "active_seconds", "agent_snapshot", "created_at").iterator(500):
            used = {counter: int((row.usage or {}).get(counter) or 0) for counter in COUNTERS}
            if any(used.values()) or row.active_seconds:
                model.objects.filter(pk=row.pk).update(spent=_spent(row, used))


def _spent(row, used):
    asked = row.agent_snapshot.get("model")
    by_model = {"": {"active_seconds": row.active_seconds}} if row.active_seconds else {}
    if any(used.values()):
        by_model[str(asked.get("id", "")) if isinstance(asked, dict) else str(asked or "")] = used
    return {row.created_at.date().isoformat(): by_model}


class Migration(migrations.Migration):
    dependencies = [("agents", "0007_keep_what_was_spent")]

    operations = [migrations.RunPython(spread, migrations.RunPython.noop)]
