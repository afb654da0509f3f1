"""Threads."""

from datetime import datetime
from typing import Any

from agents.eventlog.fold import usage_shape
from agents.eventlog.wire import agent_snapshot, timestamp
from agents.models import Session, SessionStatus, Thread
from agents.prices import PriceBook, cost_of, monetary_amount
from agents.services.prices import book_of


def thread_shape(thread: Thread, now: datetime, prices: PriceBook | None = None) -> dict[str, Any]:
    """`prices` are read once for a whole list."""
    active = round(active_seconds(thread, now), 3)
    return {
        "id": thread.pk,
        "type": "session_thread",
        "session_id": thread.session_id,
        "parent_thread_id": thread.parent_id,
        "workflow_run_id": None,
        "agent": _agent_shape(thread.agent_snapshot),
        "status": thread.status,
        "stats": _stats(thread, active, now) if _has_begun(thread) else None,
        "usage": _usage(thread, active, prices) if _has_rested(thread) else None,
        "created_at": timestamp(thread.created_at),
        "updated_at": timestamp(thread.updated_at),
        "archived_at": timestamp(thread.archived_at),
    }


def _usage(thread: Thread, active: float, prices: PriceBook | None) -> dict[str, Any]:
    """The cost of its tokens and searches; running time is the session's."""
    cost = cost_of(thread.spent, prices or book_of(thread.session.workspace), with_runtime=False)
    list_cost = monetary_amount(cost.known_usd)
    return usage_shape(thread.usage or {}, active, spent=thread.spent, list_cost=list_cost)


def _agent_shape(snapshot: dict[str, Any]) -> dict[str, Any]:
    """The thread's agent; the roster stands in the session's."""
    shown = agent_snapshot(snapshot)
    del shown["multiagent"]
    return shown


def _has_begun(thread: Thread) -> bool:
    return thread.status != SessionStatus.IDLE or thread.active_seconds > 0


def _has_rested(thread: Thread) -> bool:
    """Whether it ever was idle after it began: a turn that waits to try again has not been. Who drives a thread marks
    its input as seen at each rest; threads that nobody drives, of a dream's trace, do not wait."""
    return thread.active_seconds > 0 and (thread.seen > 0 or thread.wake == 0)


def _stats(thread: Thread, active: float, now: datetime) -> dict[str, Any]:
    """`startup_seconds` is unknown for a primary thread, whose start nobody measures; a child starts at once."""
    end = (thread.archived_at or thread.updated_at) if thread.status == SessionStatus.TERMINATED else now
    return {
        "active_seconds": active,
        "duration_seconds": round(max((end - thread.created_at).total_seconds(), 0.0), 3),
        "startup_seconds": None if thread.is_primary else 0.0,
    }


def active_seconds(row: Session | Thread, now: datetime) -> float:
    """The time under way included."""
    running = (now - row.running_since).total_seconds() if row.running_since else 0.0
    return row.active_seconds + max(running, 0.0)
