"""What is due by the clock: one claim, shared by everything that has a cron line (`agents.models.schedules.Scheduled`).

Nothing starts twice. A claim moves `next_run_at` by compare-and-set, and what it starts is written in the same
transaction: of two schedulers one hits the row, and a kill at any point leaves either all of it or the row as it was,
due. So `start` must only write rows; work that takes time is enqueued, to happen after the commit.

Nothing is skipped silently. After a time without a scheduler, starting all that was missed would be a storm of stale
work, and starting none would lose a night because of a restart. So the latest missed one is started, late, under the
time that it was meant for, and `start` is told how many came before it, to leave a record that people can see.
While there is no `next_run_at` (paused, archived, no cron line) nothing is due, hence nothing is made up for later.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from agents import cron
from agents.models.schedules import Scheduled

STARTED_AT_ONCE = 50  # the same loop also wakes the threads of lost workers; the rest is due a second later
MISSED_COUNTED_MAX = 1_000  # a line that fires every minute misses half a million in a year

logger = logging.getLogger("lucid")


@dataclass(frozen=True, slots=True, kw_only=True)
class Occurrence:
    """A time that is due. `missed` counts the earlier ones, from `missed_since` on, that were never started."""

    scheduled_at: datetime
    missed: int = 0
    missed_since: datetime | None = None

    @property
    def missed_text(self) -> str:
        count = f"{self.missed:,}" if self.missed < MISSED_COUNTED_MAX else f"At least {self.missed:,}"
        noun = "start was" if self.missed == 1 else "starts were"
        since = f"{self.missed_since:%Y-%m-%d %H:%M} UTC"
        return f"{count} scheduled {noun} missed from {since} on, because no scheduler was running."


type Start = Callable[[Any, Occurrence], None]


def scheduled_columns(expression: str, zone: str, now: datetime) -> dict[str, Any]:
    """The columns of a schedule that begins now; `InvalidRequest` for a line that never fires or an unknown zone."""
    return {"cron": expression, "timezone": zone, "next_run_at": cron.next_after(expression, zone, now)}


def unscheduled_columns() -> dict[str, Any]:
    """The columns of what no clock starts."""
    return {"cron": "", "timezone": "UTC", "next_run_at": None}


def start_due(rows: "QuerySet[Any]", start: Start, *, now: datetime | None = None) -> int:
    """Call `start(row, occurrence)` once for each of these rows that is due, each in a transaction of its own; return
    how many were started. One that fails is logged and stays due: the others must not wait for it."""
    now = now or timezone.now()
    due = rows.filter(next_run_at__lte=now).order_by("next_run_at").values_list("pk", flat=True)
    started = 0
    for pk in list(due):
        try:
            started += _claim(rows, pk, start, now)
        except Exception:
            logger.exception("The schedule of %s could not be started; it is tried again.", pk)
        if started == STARTED_AT_ONCE:
            break
    return started


@transaction.atomic
def _claim(rows: "QuerySet[Any]", pk: str, start: Start, now: datetime) -> bool:
    seen: Scheduled | None = rows.filter(pk=pk, next_run_at__lte=now).first()
    if seen is None or now < _starts_at(seen):
        return False
    occurrence = occurrence_of(seen, now)
    following = cron.next_after(seen.cron, seen.timezone, now)
    as_seen = rows.filter(pk=pk, next_run_at=seen.next_run_at, cron=seen.cron, timezone=seen.timezone)
    if not as_seen.update(next_run_at=following, last_run_at=now):
        return False  # another scheduler was faster, or somebody changed the schedule
    if occurrence.missed:
        logger.warning("%s: %s The latest one is started now.", pk, occurrence.missed_text)
    start(rows.get(pk=pk), occurrence)  # read again: what was written since `seen` counts, and now nobody else writes
    return True


def occurrence_of(row: Scheduled, now: datetime) -> Occurrence:
    """The latest time of a due row that is not in the future, and what was missed before it."""
    first = row.next_run_at
    assert first is not None
    latest, missed = first, 0
    for found in cron.occurrences(row.cron, row.timezone, first):
        if found > now:
            break
        latest, missed = found, missed + 1
        if missed == MISSED_COUNTED_MAX:
            latest = cron.latest_until(row.cron, row.timezone, first, now) or latest
            break
    return Occurrence(scheduled_at=latest, missed=missed, missed_since=first if missed else None)


def _starts_at(row: Scheduled) -> datetime:
    """Off by default: jitter spreads the load of many tenants; here workers take what is due as they have room. Where
    hundreds of schedules share one minute and the model endpoint limits requests, it can be turned on."""
    due = row.next_run_at
    assert due is not None
    if not settings.LUCID_SCHEDULE_JITTER:
        return due
    return due + cron.jitter_after(str(row.pk), cron.next_after(row.cron, row.timezone, due) - due)
