"""One worker's hold on a dream: what it records while it goes on, and the ways in which the dream ends."""

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from agents.exceptions import Fenced
from agents.leases import RELEASED, lease_of
from agents.models import Session
from agents.outbox import emit
from dreams import inputs, trace
from dreams.exceptions import DreamCanceled, DreamFailure
from dreams.limits import DREAM_TIMEOUT_SECONDS
from dreams.models import Dream, DreamPhase, DreamStatus, PhaseStatus

PHASES = ("pin", "select", "digest", "mine", "map", "verify", "cluster", "reduce", "compile", "gate")


class Hold:
    """The dream as long as the lease lasts: every write checks it, so that whoever lost it writes nothing more."""

    def __init__(self, dream: Dream) -> None:
        self.dream = dream
        self.lease = lease_of(dream)

    @property
    def session(self) -> Session:
        """The dream's trace."""
        assert self.dream.session is not None, "the first phase opens the session"
        return self.dream.session

    def note_in_manifest(self, **members: Any) -> None:
        """What was read and written, for whoever wants to know exactly; said anew when a phase is run again."""
        self.dream.manifest = {**self.dream.manifest, **members}
        self.lease.check(manifest=self.dream.manifest)

    def check_goes_on(self) -> None:
        """Between requests: nobody canceled, the inputs are there, there is time left."""
        status = Dream.objects.filter(pk=self.dream.pk).values_list("status", flat=True).first()
        if status == DreamStatus.CANCELED:
            raise DreamCanceled
        if status != DreamStatus.RUNNING:
            raise Fenced(f"The dream {self.dream.pk} is {status}.")
        inputs.check_inputs(self.dream)
        started = datetime.fromisoformat(self.dream.manifest["started_at"])
        if timezone.now() - started > timedelta(seconds=DREAM_TIMEOUT_SECONDS):
            raise DreamFailure("timeout", f"The dream did not end within {DREAM_TIMEOUT_SECONDS // 3600} hours.")

    def stay_alive(self, *, every: int, done: int) -> None:
        """The same within a long phase, once in so many steps."""
        if done % every == 0:
            self.check_goes_on()

    def record_phase(self, name: str, **summary: Any) -> None:
        """A phase that ended: its row, and a line in the trace. A phase that is run again is told of once."""
        now = timezone.now()
        with transaction.atomic():
            self.lease.check()
            values = {"status": PhaseStatus.COMPLETED, "summary": summary, "ended_at": now}
            _, is_new = DreamPhase.objects.update_or_create(
                dream=self.dream,
                name=name,
                defaults=values,
                create_defaults={**values, "position": PHASES.index(name), "started_at": self._phase_started(now)},
            )
            if is_new:
                told = ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in summary.items())
                trace.note(self.session, f"P{PHASES.index(name)} {name}: {told}")

    def _phase_started(self, now: datetime) -> datetime:
        last = self.dream.phases.order_by("-position").values_list("ended_at", flat=True).first()
        return last or datetime.fromisoformat(self.dream.manifest.get("started_at", now.isoformat()))

    def complete(self) -> None:
        """The last word on a dream that went well, in the caller's transaction."""
        running = self.lease.row().filter(status=DreamStatus.RUNNING)
        released = {**RELEASED, "seen": F("wake")}
        if not running.update(status=DreamStatus.COMPLETED, ended_at=timezone.now(), **released):
            raise DreamCanceled
        emit(self.dream.workspace_id, "dream.completed", self.dream.pk)

    def fail(self, failure: DreamFailure) -> None:
        """End it and its session with what went wrong; a dream that ended meanwhile stays as it is."""
        error = {"type": failure.type, "message": failure.message}
        with transaction.atomic():
            self.lease.check()
            fresh = Dream.objects.get(pk=self.dream.pk)
            if fresh.session:
                trace.end_trace(fresh.session, "The dream failed.", error=failure.message)
            unfinished = self.lease.row().filter(status__in=[DreamStatus.PENDING, DreamStatus.RUNNING])
            released = {**RELEASED, "seen": F("wake")}
            if unfinished.update(status=DreamStatus.FAILED, error=error, ended_at=timezone.now(), **released):
                emit(fresh.workspace_id, "dream.failed", fresh.pk)
            else:
                self.lease.check(**released)

    def close_canceled(self) -> None:
        """The dream is canceled already; its session still has to end."""
        with transaction.atomic():
            self.lease.check()
            fresh = Dream.objects.get(pk=self.dream.pk)
            if fresh.session:
                trace.end_trace(fresh.session, "The dream was canceled.")
            self.lease.check(**RELEASED, seen=F("wake"))

    def release(self) -> None:
        """Let go of a dream that is over."""
        self.lease.check(**RELEASED, seen=F("wake"))
