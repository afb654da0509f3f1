"""Exactly one worker drives a row: conditional UPDATEs take and keep a lease, a fence refuses whoever lost it.

A leased row (a thread, a dream) counts its input in `wake` and what the last run took in in `seen`; `wake > seen` means
that there is something to do. A killed worker's lease runs out, at once where the sweeper sees that its process is
gone, and another one is woken; `losses` counts the holders that went so in a row, for a step may be what kills them.
"""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any

from django.db import close_old_connections, connection, models
from django.db.models import F, Q
from django.utils import timezone

from agents import limits, owners, queue
from agents.exceptions import Fenced
from agents.prepared import PreparedQuery, PreparedUpdate

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=limits.LEASE_SECONDS)

# Columns to set, under the lease, to give it back; with `seen=F("wake")` when everything was taken in, which only the
# holder of the lock that input needs can know.
RELEASED: dict[str, Any] = {"lease_until": None, "lease_owner": None, "enqueued_at": None}

NEXT_FENCE = F("fence") + 1
ONE_MORE_LOSS = F("losses") + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The right to drive one row, until somebody else's fence is higher."""

    model: type[models.Model]
    pk: str
    fence: int

    def row(self) -> "models.QuerySet[Any]":
        """The leased row, as long as the lease is ours; an UPDATE through it that hits nothing means `Fenced`."""
        return self.model._default_manager.filter(pk=self.pk, fence=self.fence)

    def check(self, **changes: Any) -> None:
        """Write to the row under the lease; inside a transaction this also keeps others out until the commit. A step
        that gets so far did not cost its holder's life."""
        changes = {"lease_until": timezone.now() + LEASE, "losses": 0, **changes}
        if not _leased(self.model).run(self.pk, self.fence, **changes):
            raise Fenced(f"{self.pk} is driven by somebody else.")


def acquire(model: type[models.Model], pk: str) -> Any | None:
    """Take the lease when there is something to do and nobody has it, and return the row.

    Its `fence` is the lease's token; `was_lost` says that the holder before never gave it back, so what that one had
    begun is in doubt. A superfluous wake-up costs two UPDATEs that hit nothing.
    """
    now = timezone.now()
    taken = {"fence": NEXT_FENCE, "lease_owner": owners.own(), "lease_until": now + LEASE, "wake_at": None}
    lost = {**taken, "losses": ONE_MORE_LOSS}
    for was_lost, rows, changes in ((False, _free_rows(model), taken), (True, _lost_rows(model), lost)):
        if rows.run(pk, now, **changes):
            # Only the holder changes the fence, so this read is ours.
            row = _row(model).first(pk)
            if row is not None:
                row.was_lost = was_lost
            return row
    return None


@cache
def _free_rows(model: type[models.Model]) -> PreparedUpdate:
    return PreparedUpdate(lambda pk, now: _waiting(model, pk, now).filter(lease_until=None))


@cache
def _lost_rows(model: type[models.Model]) -> PreparedUpdate:
    return PreparedUpdate(lambda pk, now: _waiting(model, pk, now).filter(lease_until__lt=now))


def _waiting(model: type[models.Model], pk: Any, now: Any) -> "models.QuerySet[Any]":
    due = Q(wake_at=None) | Q(wake_at__lte=now)
    return model._default_manager.filter(due, pk=pk, wake__gt=F("seen"))


@cache
def _leased(model: type[models.Model]) -> PreparedUpdate:
    return PreparedUpdate(lambda pk, fence: model._default_manager.filter(pk=pk, fence=fence))


@cache
def _row(model: type[models.Model]) -> PreparedQuery[Any]:
    return PreparedQuery(lambda pk: model._default_manager.filter(pk=pk))


def lease_of(row: Any) -> Lease:
    """The lease that `acquire` took when it returned this row."""
    return Lease(model=type(row), pk=row.pk, fence=row.fence)


@contextmanager
def held(lease: Lease) -> Iterator[Lease]:
    """Keep the lease alive by a beat every few seconds while the block works."""
    _beater.add(lease)
    try:
        yield lease
    finally:
        _beater.discard(lease)


def sweep(model: type[models.Model], job: str, *, queue_name: str = "turns") -> int:
    """Wake somebody for every row that has something to do and no live lease; returns how many."""
    now = timezone.now()
    _end_of_the_dead(model, now)
    patience = now - timedelta(seconds=limits.WAKE_AGAIN_SECONDS)
    waiting = model._default_manager.filter(
        _free(now), Q(enqueued_at=None) | Q(enqueued_at__lt=patience), wake__gt=F("seen")
    )
    ids = list(waiting.values_list("pk", flat=True)[:500])
    if ids and queue.waiting(queue_name) >= model._default_manager.filter(wake__gt=F("seen")).count():
        # Every slot is busy and the wake-ups are still there: more of them would pile up without end.
        ids = list(waiting.filter(enqueued_at=None).values_list("pk", flat=True)[:500])
    model._default_manager.filter(pk__in=ids).update(enqueued_at=now)
    for pk in ids:
        queue.enqueue_now(job, pk, queue=queue_name)
    return len(ids)


def _end_of_the_dead(model: type[models.Model], now: Any) -> None:
    held = model._default_manager.filter(wake__gt=F("seen"), lease_until__gte=now)
    for name in held.values_list("lease_owner", flat=True).distinct():
        if owners.is_dead(name):
            held.filter(lease_owner=name).update(lease_until=now - timedelta(seconds=1), enqueued_at=None)


def _free(now: Any) -> Q:
    return (Q(lease_until=None) | Q(lease_until__lt=now)) & (Q(wake_at=None) | Q(wake_at__lte=now))


def rest_connection() -> None:
    """Before a wait: give the database connection back to the pool. SQLite has none to give back."""
    if connection.vendor != "sqlite":
        connection.close()


class _Beater:
    """One thread per process extends every lease that is held in it."""

    def __init__(self) -> None:
        self._leases: set[Lease] = set()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def add(self, lease: Lease) -> None:
        with self._lock:
            self._leases.add(lease)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="lease-beat", daemon=True)
                self._thread.start()

    def discard(self, lease: Lease) -> None:
        with self._lock:
            self._leases.discard(lease)

    def _run(self) -> None:
        pause = threading.Event()
        while not pause.wait(limits.BEAT_SECONDS):
            with self._lock:
                leases = list(self._leases)
            if not leases:
                continue
            try:
                close_old_connections()
                for lease in leases:
                    # Only a lease that still stands: one given back meanwhile must stay free.
                    lease.row().filter(lease_until__isnull=False).update(lease_until=timezone.now() + LEASE)
            except Exception:
                # A beat that fails is a beat lost; the fence decides what that means.
                logger.exception("The leases could not be extended.")
            finally:
                rest_connection()


_beater = _Beater()
