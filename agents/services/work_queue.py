"""The line of sessions that wait for a worker of a self-hosted environment: who stands in it, who leaves, who returns.

Lock order: a session's row first, then its work item's. Whoever adds input or comes to rest holds the session's row, so
no item ends between a look at the session and what follows from it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Min
from django.utils import timezone

from agents import limits
from agents.environment_config import SELF_HOSTED, WORKERS_TOOLS
from agents.eventlog import statements
from agents.models import Environment, InboxEvent, PollingWorker, Session, SessionKind, WorkItem
from agents.models.work import HELD, LIVE, WorkState

BATCH = 500  # lapsed leases of one sweep
RECENTLY = timedelta(minutes=5)
# An item that goes back into the line is as if nobody had taken it; only its token lives until the next poll.
UNTAKEN: dict[str, Any] = {
    "worker_id": "",
    "polled_at": None,
    "acknowledged_at": None,
    "started_at": None,
    "last_heartbeat": "",
    "lease_until": None,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueStats:
    """`waiting`: nobody has them; `pending`: handed out and not taken yet."""

    waiting: int
    pending: int
    oldest_at: datetime | None
    workers: int


def queue_work(session: Session) -> None:
    """Have a worker come for the session, unless one is there or on its way; the caller holds the session's row."""
    found = statements.environment_of.first(session.pk)
    if found is None or found[0].get("type") != SELF_HOSTED or session.kind != SessionKind.AGENT:
        return
    now = timezone.now()
    live = WorkItem.objects.filter(session_id=session.pk, state__in=LIVE)
    if live.exists():
        live.filter(available_at__gt=now).update(available_at=now)
    else:
        _put(session, now)


def release_work(session: Session) -> None:
    """The session is over: what waits is taken out of the line, and a worker hears of it with its next beat."""
    now = timezone.now()
    items = WorkItem.objects.filter(session_id=session.pk)
    items.filter(state=WorkState.QUEUED).update(state=WorkState.STOPPED, stop_requested_at=now, stopped_at=now)
    items.filter(state__in=(WorkState.STARTING, WorkState.ACTIVE)).update(
        state=WorkState.STOPPING, stop_requested_at=now
    )


def finish_item(item: WorkItem, session: Session | None, now: datetime) -> None:
    """The item is over; a session that still needs somebody is put into the line again. The caller holds both rows."""
    changes = {"stopped_at": now, "stop_requested_at": item.stop_requested_at or now, "lease_until": None}
    item.advance(WorkState.STOPPED, expected=item.state, **changes)
    live = WorkItem.objects.filter(session_id=item.session_id, state__in=LIVE)
    if session is not None and needs_worker(session) and not live.exists():
        # A worker that fails at once must not be followed by the next one at once, for ever.
        recent = WorkItem.objects.filter(session_id=session.pk, stopped_at__gt=now - RECENTLY).count()
        wait = min(2 ** min(recent - 1, 10) - 1, limits.WORK_RETRY_SECONDS_MAX)
        _put(session, now + timedelta(seconds=wait))


def needs_worker(session: Session) -> bool:
    """Whether a turn is under way or about to begin, or rests for a call that a worker carries out."""
    if session.is_terminated or session.is_archived:
        return False
    return session.is_running or InboxEvent.objects.filter(session=session).exists() or _awaits_worker(session)


def stats_of(environment: Environment) -> QueueStats:
    """How long the environment's line is, and how many workers asked lately."""
    queued = WorkItem.objects.filter(environment=environment, state=WorkState.QUEUED)
    since = timezone.now() - timedelta(seconds=limits.WORKER_SEEN_SECONDS)
    return QueueStats(
        waiting=queued.filter(polled_at=None).count(),
        pending=queued.exclude(polled_at=None).count(),
        oldest_at=queued.aggregate(oldest=Min("created_at"))["oldest"],
        workers=PollingWorker.objects.filter(environment=environment, seen_at__gte=since).count(),
    )


def sweep() -> int:
    """Put back what a worker no longer beats for; returns how many leases had run out."""
    now = timezone.now()
    lapsed = list(WorkItem.objects.filter(state__in=HELD, lease_until__lt=now).values_list("pk", flat=True)[:BATCH])
    for pk in lapsed:
        _lapse(pk)
    return len(lapsed)


def forget_old_work() -> int:
    """Take away what is long over, and who has long not polled; returns how many items went."""
    now = timezone.now()
    PollingWorker.objects.filter(seen_at__lt=now - timedelta(hours=1)).delete()
    over = WorkItem.objects.filter(state=WorkState.STOPPED, stopped_at__lt=now - timedelta(days=limits.WORK_KEPT_DAYS))
    return over.delete()[0]


def hold_session(session_id: str) -> Session | None:
    """The session's row lock without a new `updated_at`; None when it was deleted."""
    Session.objects.filter(pk=session_id).update(next_seq=F("next_seq"))
    sessions = Session.objects.select_related("environment").defer("agent_snapshot", "metadata")
    found: Session | None = sessions.filter(pk=session_id).first()
    return found


def lock_item(pk: str) -> WorkItem | None:
    """The item's row lock, held until the commit; None when it was deleted."""
    rows = WorkItem.objects.filter(pk=pk)
    rows.update(state=F("state"))
    return rows.first()


@transaction.atomic
def _lapse(pk: str) -> None:
    session_id = WorkItem.objects.filter(pk=pk).values_list("session_id", flat=True).first()
    session = hold_session(session_id or "")
    item = lock_item(pk)
    now = timezone.now()
    if item is None or item.state not in HELD or (item.lease_until and item.lease_until >= now):
        return
    if item.state == WorkState.STOPPING or session is None or session.is_terminated:
        finish_item(item, session, now)
    else:
        item.advance(WorkState.QUEUED, expected=item.state, **UNTAKEN)


def _put(session: Session, available_at: datetime) -> None:
    WorkItem.objects.create(
        workspace_id=session.workspace_id,
        environment_id=session.environment_id,
        session_id=session.pk,
        available_at=available_at,
    )


def _awaits_worker(session: Session) -> bool:
    reason = session.stop_reason or {}
    if reason.get("type") != "requires_action":
        return False
    calls = session.events.filter(event_id__in=reason.get("event_ids", []), type="agent.tool_use")
    return any(payload.get("name") in WORKERS_TOOLS for payload in calls.values_list("payload", flat=True))
