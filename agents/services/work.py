"""What a worker of a self-hosted environment does with a session's work: poll, acknowledge, beat, stop.

The line that it polls, and the order of locks, are in `work_queue`.
"""

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from agents import audit, limits
from agents.actors import Actor
from agents.crypto import WORK_PREFIX, key_digest, new_key
from agents.exceptions import Conflict, InvalidRequest, LeaseLost, NotFound
from agents.metadata import merge_metadata
from agents.models import Environment, PollingWorker, Session, SessionStatus, WorkItem
from agents.models.work import WorkState
from agents.services.work_queue import finish_item, hold_session, lock_item, needs_worker

NO_HEARTBEAT = "NO_HEARTBEAT"  # wire contract: what a worker's first beat expects
TRIES = 10  # items that one poll reaches for; as many others may be faster


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
    session = hold_session(item.session_id)
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
    session = hold_session(item.session_id)
    item = _lock(item)
    if item.state == WorkState.STOPPED:
        raise Conflict(f"The work item {item.pk} is stopped already.")
    now = timezone.now()
    if force or item.state == WorkState.QUEUED:
        finish_item(item, session, now)
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


def _has_long_rested(item: WorkItem, session: Session | None, now: datetime) -> bool:
    """Whether the worker has been there in vain; one that took the item after the turn never ends by itself."""
    if session is None or session.is_terminated:
        return True
    rests = (session.stop_reason or {}).get("type") != "requires_action" and session.status == SessionStatus.IDLE
    if not rests or needs_worker(session):
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


def _lock(item: WorkItem) -> WorkItem:
    locked = lock_item(item.pk)
    if locked is None:
        raise NotFound(f"Work item {item.pk!r} was not found.")
    return locked
