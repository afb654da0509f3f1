"""Sessions, their resources and verdicts."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db.models import Prefetch

from agents.api.shapes.threads import active_seconds
from agents.eventlog.fold import usage_shape
from agents.eventlog.wire import agent_snapshot, timestamp
from agents.models import Session, SessionKind, SessionResource, SessionStatus, Thread, Verdict
from agents.plugs import resource_kinds
from agents.prices import PriceBook, monetary_amount
from agents.services.prices import book_of, session_cost

TIMED = "timed_threads"
TIMES = ("session", "active_seconds", "running_since", "wake", "seen")
TIMED_THREADS = Prefetch("threads", Thread.objects.only(*TIMES), to_attr=TIMED)


def session_shape(session: Session, now: datetime, prices: PriceBook | None = None) -> dict[str, Any]:
    """For a list, resources and `TIMED_THREADS` are prefetched and `prices` read once."""
    threads = _threads(session)
    return {
        "id": session.pk,
        "type": "session",
        "status": _status(session, threads),
        "agent": agent_snapshot(session.agent_snapshot),
        "environment_id": session.environment_id,
        "deployment_id": session.deployment_id,
        "title": session.title,
        "metadata": session.metadata,
        "vault_ids": session.vault_ids,
        "resources": [resource_shape(row) for row in session.resources.all()],
        "budget": session.budget,
        "outcome_evaluations": [],
        "stats": {
            "active_seconds": _working_seconds(threads, now),
            "duration_seconds": _duration_seconds(session, now),
        },
        "usage": session_usage(session, _active_seconds(session, now), now, prices),
        "created_at": timestamp(session.created_at),
        "updated_at": timestamp(session.updated_at),
        "archived_at": timestamp(session.archived_at),
    }


def session_usage(
    session: Session, active_seconds: float, now: datetime, prices: PriceBook | None = None
) -> dict[str, Any]:
    """With the list cost, unless a model has no price; an imported session brought no usage along."""
    list_cost = None
    if session.kind != SessionKind.IMPORTED:
        cost = session_cost(session, prices or book_of(session.workspace), now)
        list_cost = monetary_amount(cost.known_usd)
    return usage_shape(session.usage, active_seconds, spent=session.spent, list_cost=list_cost)


def resource_shape(resource: SessionResource) -> dict[str, Any]:
    shape: dict[str, Any] = resource_kinds()[resource.kind].shape(resource)
    return shape


def verdict_shape(verdict: Verdict) -> dict[str, Any]:
    return {
        "id": verdict.pk,
        "type": "session_verdict",
        "session_id": verdict.session_id,
        "result": verdict.result,
        "source": verdict.source,
        "explanation": verdict.explanation or None,
        "created_at": timestamp(verdict.created_at),
    }


def escalation_shape(session: Session) -> dict[str, Any]:
    return {
        "type": "session_escalation",
        "session_id": session.pk,
        "escalated_at": timestamp(session.escalated_at),
    }


def _threads(session: Session) -> list[Thread]:
    timed: list[Thread] | None = getattr(session, TIMED, None)
    return timed if timed is not None else list(session.threads.only(*TIMES))


def _status(session: Session, threads: Iterable[Thread]) -> str:
    """Running from the moment that input is accepted: who sends a message and asks until the session is idle must not
    find the rest before the turn."""
    is_waiting = session.status == SessionStatus.IDLE and any(thread.is_waiting for thread in threads)
    return SessionStatus.RUNNING.value if is_waiting else session.status


def _working_seconds(threads: Iterable[Thread], now: datetime) -> float:
    """Of all its threads together: what two do at once counts twice here, and once in the usage."""
    return round(sum(active_seconds(thread, now) for thread in threads), 3)


def _active_seconds(session: Session, now: datetime) -> float:
    return round(active_seconds(session, now), 3)


def _duration_seconds(session: Session, now: datetime) -> float:
    """Counts on until the session is terminated."""
    end = session.ended_at if session.is_terminated and session.ended_at else now
    return round(max((end - session.created_at).total_seconds(), 0.0), 3)
