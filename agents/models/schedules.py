"""What runs by the clock: the columns of anything that has a cron line, so that one scheduler serves them all."""

from django.db import models


class Scheduled(models.Model):
    """`next_run_at` is what the scheduler looks for; moving it by compare-and-set is how one of several schedulers
    claims a run. Null: nothing is due (no schedule, paused, archived)."""

    cron = models.CharField(max_length=255, blank=True)  # empty: no schedule
    timezone = models.CharField(max_length=64, default="UTC")
    next_run_at = models.DateTimeField(null=True, blank=True, db_index=True)
    last_run_at = models.DateTimeField(null=True, blank=True)  # the latest scheduled run; runs by hand do not count

    class Meta:
        abstract = True
