"""Work items and queues of self-hosted environments."""

from typing import Any

from agents.eventlog.wire import timestamp
from agents.models import WorkItem
from agents.services.work_queue import QueueStats


def work_shape(item: WorkItem, *, secret: str | None = None) -> dict[str, Any]:
    """`secret` is for the worker that polled, and for nobody else."""
    return {
        "id": item.pk,
        "type": "work",
        "environment_id": item.environment_id,
        "data": {"type": "session", "id": item.session_id},
        "state": item.state,
        "metadata": item.metadata,
        "secret": secret,
        "created_at": timestamp(item.created_at),
        "acknowledged_at": timestamp(item.acknowledged_at),
        "started_at": timestamp(item.started_at),
        "latest_heartbeat_at": item.last_heartbeat or None,
        "stop_requested_at": timestamp(item.stop_requested_at),
        "stopped_at": timestamp(item.stopped_at),
    }


def stats_shape(stats: QueueStats) -> dict[str, Any]:
    return {
        "type": "work_queue_stats",
        "depth": stats.waiting,
        "pending": stats.pending,
        "oldest_queued_at": timestamp(stats.oldest_at),
        "workers_polling": stats.workers,
    }
