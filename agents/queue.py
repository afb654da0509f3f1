"""Wakes workers: on commit, ids only, by dotted name. A wake-up is a hint; the database holds what is to be done."""

import logging
import time
from datetime import UTC, datetime
from functools import cache, partial
from typing import Any

import django_rq
import redis
from django.conf import settings
from django.db import transaction
from redis.exceptions import RedisError
from rq import Queue

logger = logging.getLogger(__name__)

ROUND_KEY = "lucid:round"
FAILED_JOB_SECONDS = 3_600  # long enough to read a traceback; RQ's default is a year


@cache
def connection() -> "redis.Redis":
    """This process's connection pool; Redis answers at once or the sweeper makes up for it."""
    return redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=2, socket_timeout=10)


@cache
def _queue(name: str) -> Queue:
    return django_rq.get_queue(name, commit_mode="auto", connection=connection())


def enqueue(job: str, *ids: str, queue: str = "turns") -> None:
    """Run `job` with these ids in some worker, once the present transaction is committed."""
    transaction.on_commit(partial(enqueue_now, job, *ids, queue=queue))


def enqueue_now(job: str, *ids: str, queue: str = "turns") -> None:
    """The same at once; who cannot be woken is found by the sweeper."""
    try:
        _queue(queue).enqueue(job, *ids, result_ttl=0, failure_ttl=FAILED_JOB_SECONDS)
    except (RedisError, OSError) as error:
        logger.warning("Nobody was woken for %s, the sweeper will: %s", job, error)


def note_round() -> None:
    """Say that the sweeper was here."""
    try:
        connection().set(ROUND_KEY, time.time())
    except (RedisError, OSError) as error:
        logger.warning("The sweeper's round was not noted: %s", error)


def last_round() -> datetime | None:
    """When the sweeper was last here; None where it never was."""
    told: Any = connection().get(ROUND_KEY)
    return datetime.fromtimestamp(float(told), UTC) if told else None


def waiting(queue: str) -> int:
    """How many wake-ups nobody has taken yet; none where Redis does not answer."""
    try:
        return int(_queue(queue).count)
    except (RedisError, OSError):
        return 0
