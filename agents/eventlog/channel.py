"""Tells followers that something happened in a session; a lost message costs them a moment, never an event."""

import json
import logging
from collections.abc import Iterable
from typing import Any

from redis.exceptions import RedisError

from agents.queue import connection

logger = logging.getLogger(__name__)

CHANNEL_PREFIX = "lucid:events:"
PREVIEW_PREFIX = "lucid:previews:"

type Part = tuple[int, dict[str, Any]]  # the number of a preview's frame, 0 for its start, and the frame


def channel_of(session_id: str) -> str:
    """Where a session's events are told as they are appended."""
    return f"{CHANNEL_PREFIX}{session_id}"


def preview_channel_of(thread_id: str) -> str:
    """Previews have a channel of their own: they cost nothing where nobody asked for them."""
    return f"{PREVIEW_PREFIX}{thread_id}"


def publish(session_id: str, items: Iterable[tuple[str, int | None, dict[str, Any]]]) -> None:
    """Send `(thread id, place in the session or None, wire event)` to whoever follows; call it after the commit."""
    try:
        pipeline = connection().pipeline(transaction=False)
        for thread_id, seq, event in items:
            pipeline.publish(channel_of(session_id), json.dumps({"thread": thread_id, "seq": seq, "event": event}))
        pipeline.execute()
    except (RedisError, OSError) as error:
        logger.warning("Followers of %s were not told: %s", session_id, error)


def wants_previews(thread_id: str) -> bool:
    """Whether any connection listens to what this thread's agent is writing."""
    try:
        counts = connection().pubsub_numsub(preview_channel_of(thread_id))
        return any(count for _, count in counts)
    except (RedisError, OSError):
        return False


def publish_previews(thread_id: str, request_id: str, parts: Iterable[Part]) -> bool:
    """Send frames of the answer to a model request; False when nobody heard all of them."""
    try:
        pipeline = connection().pipeline(transaction=False)
        for number, event in parts:
            told = {"thread": thread_id, "seq": None, "event": event, "request": request_id, "part": number}
            pipeline.publish(preview_channel_of(thread_id), json.dumps(told))
        return all(pipeline.execute())
    except (RedisError, OSError) as error:
        logger.warning("What the agent of %s writes could not be shown: %s", thread_id, error)
        return False
