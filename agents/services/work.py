"""The work queue of self-hosted environments: sessions in line for a worker, and the lease of the one that has it.

Lock order: a session's row first, then its work item's. Whoever adds input or comes to rest holds the session's row, so
no item ends between a look at the session and what follows from it.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Min, Q, QuerySet
from django.utils import timezone

from agents import audit, limits
from agents.actors import Actor
from agents.crypto import WORK_PREFIX, key_digest, new_key
from agents.environment_config import SELF_HOSTED, WORKERS_TOOLS
from agents.eventlog import statements
from agents.exceptions import Conflict, InvalidRequest, LeaseLost, NotFound
from agents.metadata import merge_metadata
from agents.models import Environment, InboxEvent, PollingWorker, Session, SessionKind, SessionStatus, WorkItem
from agents.models.work import HELD, LIVE, WorkState

NO_HEARTBEAT = "NO_HEARTBEAT"  # wire contract: what a worker's first beat expects
TRIES = 10  # items that one poll reaches for; as many others may be faster
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


def note_worker(environment: Environment, worker_id: str) -> None:
    """Remember that a worker asked for work; a poll must not cost a write each time."""
    worker_id, now = worker_id[: limits.WORKER_ID_MAX], timezone.now()
    rows = PollingWorker.objects.filter(environment=environment, worker_id=worker_id)
    seen_at = rows.values_list("seen_at", flat=True).first()
    if seen_at is None:
        row = PollingWorker(environment=environment, worker_id=worker_id, seen_at=now)
        PollingWorker.objects.bulk_create([row], ignore_conflicts=True)
    elif seen_at < now - timedelta(seconds=limits.WORKER_TOUCH_SECONDS):
        rows.update(seen_at=now)


def poll(
    environment: Environment, *, worker_id: str = "", reclaim_ms: int | None = None
) -> tuple[WorkItem, str] | None:
    """Hand out the oldest item that waits, with its secret; None when nothing does. What was handed out and not taken
    for `reclaim_ms` waits again."""
    if worker_id:
        note_worker(environment, worker_id)
    now = timezone.now()
    patience = timedelta(milliseconds=limits.WORK_RECLAIM_MS if reclaim_ms is None else reclaim_ms)
    waiting = WorkItem.objects.filter(
        Q(polled_at=None) | Q(polled_at__lte=now - patience),
        environment=environment,
        state=WorkState.QUEUED,
        available_at__lte=now,
    )
    for item in waiting.order_by("created_at", "pk")[:TRIES]:
        token = new_key(WORK_PREFIX)
        taken = {
            "polled_at": now,
            "worker_id": worker_id[: limits.WORKER_ID_MAX],
            "token_digest": key_digest(token),
        }
        # Two that look at once see the same row; only one of them finds it as it was.
        if WorkItem.objects.filter(pk=item.pk, state=WorkState.QUEUED, polled_at=item.polled_at).update(**taken):
            item.refresh_from_db()
            return item, _secret(token)
    return None


def acknowledge(item: WorkItem) -> WorkItem:
    """The worker that polled has it; of two that were handed the same item the second is refused."""
    if item.state != WorkState.QUEUED or item.polled_at is None:
        raise Conflict(f"The work item {item.pk} is {item.state}: it is not yours to take.")
    now = timezone.now()
    lease_until = now + timedelta(seconds=item.ttl_seconds)
    item.advance(WorkState.STARTING, expected=WorkState.QUEUED, acknowledged_at=now, lease_until=lease_until)
    return item


@transaction.atomic
def beat(item: WorkItem, *, expected: str | None = None, ttl_seconds: int | None = None) -> tuple[WorkItem, bool]:
    """Extend the lease, and say whether that was done; `LeaseLost` when `expected` is not the last beat that there was.
    A worker that is to stop, or has had nothing to do for long, is told so instead."""
    session = _lock_session(item.session_id)
    item = _lock(item)
    now = timezone.now()
    if item.state == WorkState.STOPPING:
        _extend(item, now + timedelta(seconds=limits.WORK_TEARDOWN_SECONDS))
    if item.state in (WorkState.STOPPING, WorkState.STOPPED):
        return item, False
    _check_expected(item, expected)
    if ttl_seconds is not None:
        item.ttl_seconds = min(max(ttl_seconds, limits.WORK_TTL_MIN_SECONDS), limits.WORK_TTL_MAX_SECONDS)
    if _has_long_rested(item, session, now):
        until = now + timedelta(seconds=limits.WORK_TEARDOWN_SECONDS)
        item.advance(WorkState.STOPPING, expected=item.state, stop_requested_at=now, lease_until=until)
        return item, False
    item.advance(
        WorkState.ACTIVE,
        expected=item.state,
        last_heartbeat=_after(item.last_heartbeat, now),
        started_at=item.started_at or now,
        ttl_seconds=item.ttl_seconds,
        lease_until=now + timedelta(seconds=item.ttl_seconds),
    )
    return item, True


def lease_state(item: WorkItem, *, is_extended: bool) -> dict[str, Any]:
    """The lease in the wire's members."""
    return {
        "last_heartbeat": item.last_heartbeat,
        "lease_extended": is_extended,
        "state": item.state,
        "ttl_seconds": item.ttl_seconds,
    }


@transaction.atomic
def stop_work(item: WorkItem, *, force: bool = False, actor: Actor) -> WorkItem:
    """Ask the worker to end, or with `force` take it as ended. When the session still needs somebody, another worker
    gets it."""
    session = _lock_session(item.session_id)
    item = _lock(item)
    if item.state == WorkState.STOPPED:
        raise Conflict(f"The work item {item.pk} is stopped already.")
    now = timezone.now()
    if force or item.state == WorkState.QUEUED:
        _finish(item, session, now)
    elif item.state != WorkState.STOPPING:
        until = now + timedelta(seconds=limits.WORK_TEARDOWN_SECONDS)
        item.advance(WorkState.STOPPING, expected=item.state, stop_requested_at=now, lease_until=until)
    if actor.api_key or actor.member:
        audit.record(actor, "work.stopped", item.pk, detail=f"{item.session_id}{', by force' if force else ''}")
    return item


@transaction.atomic
def update_work(item: WorkItem, changes: Mapping[str, Any], *, actor: Actor) -> WorkItem:
    """Merge metadata into the item's."""
    item = _lock(item)
    try:
        merged = merge_metadata(item.metadata, changes)
    except InvalidRequest as refusal:
        raise InvalidRequest(refusal.message, code="invalid_metadata") from refusal
    if merged != item.metadata:
        WorkItem.objects.filter(pk=item.pk).update(metadata=merged)
        item.metadata = merged
        audit.record(actor, "work.updated", item.pk, detail="metadata")
    return item


def stats_of(environment: Environment) -> QueueStats:
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


@transaction.atomic
def _lapse(pk: str) -> None:
    session_id = WorkItem.objects.filter(pk=pk).values_list("session_id", flat=True).first()
    session = _lock_session(session_id or "")
    item = _lock_rows(WorkItem.objects.filter(pk=pk))
    now = timezone.now()
    if item is None or item.state not in HELD or (item.lease_until and item.lease_until >= now):
        return
    if item.state == WorkState.STOPPING or session is None or session.is_terminated:
        _finish(item, session, now)
    else:
        item.advance(WorkState.QUEUED, expected=item.state, **UNTAKEN)


def _finish(item: WorkItem, session: Session | None, now: datetime) -> None:
    changes = {"stopped_at": now, "stop_requested_at": item.stop_requested_at or now, "lease_until": None}
    item.advance(WorkState.STOPPED, expected=item.state, **changes)
    live = WorkItem.objects.filter(session_id=item.session_id, state__in=LIVE)
    if session is not None and _needs_worker(session) and not live.exists():
        # A worker that fails at once must not be followed by the next one at once, for ever.
        recent = WorkItem.objects.filter(session_id=session.pk, stopped_at__gt=now - RECENTLY).count()
        wait = min(2 ** min(recent - 1, 10) - 1, limits.WORK_RETRY_SECONDS_MAX)
        _put(session, now + timedelta(seconds=wait))


def _put(session: Session, available_at: datetime) -> None:
    WorkItem.objects.create(
        workspace_id=session.workspace_id,
        environment_id=session.environment_id,
        session_id=session.pk,
        available_at=available_at,
    )


def _needs_worker(session: Session) -> bool:
    """Whether a turn is under way or about to begin, or rests for a call that a worker carries out."""
    if session.is_terminated or session.is_archived:
        return False
    return session.is_running or InboxEvent.objects.filter(session=session).exists() or _awaits_worker(session)


def _awaits_worker(session: Session) -> bool:
    reason = session.stop_reason or {}
    if reason.get("type") != "requires_action":
        return False
    calls = session.events.filter(event_id__in=reason.get("event_ids", []), type="agent.tool_use")
    return any(payload.get("name") in WORKERS_TOOLS for payload in calls.values_list("payload", flat=True))


def _has_long_rested(item: WorkItem, session: Session | None, now: datetime) -> bool:
    """Whether the worker has been there in vain; one that took the item after the turn never ends by itself."""
    if session is None or session.is_terminated:
        return True
    rests = (session.stop_reason or {}).get("type") != "requires_action" and session.status == SessionStatus.IDLE
    if not rests or _needs_worker(session):
        return False
    since = max(moment for moment in (item.started_at or now, session.ended_at or session.created_at))
    return since < now - timedelta(seconds=limits.WORK_IDLE_SECONDS)


def _check_expected(item: WorkItem, expected: str | None) -> None:
    known = (None, item.last_heartbeat, *([] if item.last_heartbeat else [NO_HEARTBEAT]))
    if item.state == WorkState.QUEUED or expected not in known:
        state = {**lease_state(item, is_extended=False), "last_heartbeat": item.last_heartbeat or None}
        raise LeaseLost("expected_last_heartbeat: this is not the last one; another worker may hold the lease.", state)


def _after(last: str, now: datetime) -> str:
    """The beat's own text, which differs from the last one also when the clock stands still."""
    text = _text_of(now)
    while text <= last:
        now = datetime.fromisoformat(last) + timedelta(microseconds=1)
        text = _text_of(now)
    return text


def _text_of(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _extend(item: WorkItem, until: datetime) -> None:
    WorkItem.objects.filter(pk=item.pk).update(lease_until=until)


def _secret(token: str) -> str:
    return base64.urlsafe_b64encode(json.dumps({"sessions_token": token}).encode()).decode().rstrip("=")


def _lock_session(session_id: str) -> Session | None:
    """The session's row lock without a new `updated_at`; None when it was deleted."""
    Session.objects.filter(pk=session_id).update(next_seq=F("next_seq"))
    sessions = Session.objects.select_related("environment").defer("agent_snapshot", "metadata")
    found: Session | None = sessions.filter(pk=session_id).first()
    return found


def _lock(item: WorkItem) -> WorkItem:
    locked = _lock_rows(WorkItem.objects.filter(pk=item.pk))
    if locked is None:
        raise NotFound(f"Work item {item.pk!r} was not found.")
    return locked


def _lock_rows(rows: QuerySet[WorkItem]) -> WorkItem | None:
    rows.update(state=F("state"))
    return rows.first()
