"""Tells followers that something happened in a session; a lost message costs them a moment, never an event."""

import json
import logging
from collections.abc import Iterable
from typing import Any

from redis.exceptions import RedisError

from agents.queue import connection

logger = logging.getLogger(__name__)

CHANNEL_PREFIX = "lucid:events:"


def channel_of(session_id: str) -> str:
    return f"{CHANNEL_PREFIX}{session_id}"


def publish(session_id: str, items: Iterable[tuple[str, int | None, dict[str, Any]]]) -> None:
    """Send `(thread id, place in the session or None, wire event)` to whoever follows; call it after the commit."""
    try:
        pipeline = connection().pipeline(transaction=False)
        for thread_id, seq, event in items:
            pipeline.publish(channel_of(session_id), json.dumps({"thread": thread_id, "seq": seq, "event": event}))
        pipeline.execute()
    except (RedisError, OSError) as error:
        logger.warning("Followers of %s were not told: %s", session_id, error)
