"""How many calls of its API a workspace may make in a minute: off unless an operator sets bounds.

Counted in Redis by the minute of the clock, so that all web processes count together. Without Redis nothing is refused:
a bound that protects a server must not be what stops it.
"""

import logging
import time

from django.conf import settings
from redis.exceptions import RedisError

from agents.exceptions import RateLimited
from agents.queue import connection

WINDOW_SECONDS = 60
READS, WRITES = "reads", "writes"
KEY = "lucid:rate:{workspace}:{kind}:{window}"

logger = logging.getLogger(__name__)


def count_call(workspace_id: str, *, is_read: bool) -> None:
    """Count one call; `RateLimited` says when the next minute begins."""
    kind = READS if is_read else WRITES
    most = settings.LUCID_READS_PER_MINUTE if is_read else settings.LUCID_WRITES_PER_MINUTE
    if not most:
        return
    window, gone = divmod(time.time(), WINDOW_SECONDS)
    if _counted(KEY.format(workspace=workspace_id, kind=kind, window=int(window))) > most:
        raise RateLimited(
            f"This workspace has made the {most:,} {kind} that it may make in a minute; wait for the next one.",
            retry_after=int(WINDOW_SECONDS - gone) + 1,
        )


def _counted(key: str) -> int:
    try:
        with connection().pipeline(transaction=False) as pipeline:
            pipeline.incr(key)
            pipeline.expire(key, 2 * WINDOW_SECONDS)
            return int(pipeline.execute()[0])
    except (RedisError, OSError) as error:
        logger.warning("A call was not counted: %s", error)
        return 0
