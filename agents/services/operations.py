"""What runs here and how it fares, read for operators: workers, queues, leases, stores of state. Nothing is changed."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import connection as database
from django.db.models import Count, Min, Model, Q
from django.utils import timezone
from redis.exceptions import RedisError
from rq.job import Job
from rq.queue import Queue
from rq.registry import FailedJobRegistry
from rq.worker_registration import REDIS_WORKER_KEYS

from agents import limits
from agents.definitions.web import SEARCH
from agents.eventlog.channel import CHANNEL_PREFIX
from agents.exceptions import DomainError
from agents.models import Member, Workspace
from agents.models.schedules import Scheduled
from agents.owners import pid_of
from agents.plugs import sandbox, search_provider
from agents.queue import connection, last_round
from agents.services.turn_load import Load, loads_of
from agents.services.web_tools import missing_web_tools

QUEUES = ("turns", "batch")
FAILED_SHOWN_MAX = 10
SLOT_GONE_SECONDS = 40.0  # an idle slot is heard of every 2 s, a busy one every 15 s
LATE_SECONDS = 10.0  # a round of the sweeper that is this old means that nobody sweeps
LIMITS = (
    "LUCID_TURN_SLOTS",
    "LUCID_BATCH_SLOTS",
    "LUCID_STOP_SECONDS",
    "LUCID_MEMORY_STORES_MAX",
    "LUCID_FILES_QUOTA_GIB",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Something that Lucid needs: what is the matter where it does not work, else a few words on how it is."""

    works: bool
    text: str
    milliseconds: float | None = None


@dataclass(slots=True)
class Process:
    """One worker process: how many slots it has for each queue, and how many leases it holds."""

    host: str
    pid: str
    slots: dict[str, int] = field(default_factory=dict)
    leases: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedJob:
    """A job that raised, with the last line of what it raised."""

    name: str
    at: datetime | None
    last_line: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Broker:
    """What only Redis knows; empty where it is away."""

    processes: list[Process] = field(default_factory=list)
    queues: dict[str, int] = field(default_factory=dict)
    failed: list[FailedJob] = field(default_factory=list)
    followed: int = 0
    swept_at: datetime | None = None


def overview(member: Member) -> dict[str, Any]:
    """Everything for one look; a part that is away is a finding, not a failure. Who runs the installation sees all
    workspaces and what failed in any of them, an admin sees what is theirs."""
    now = timezone.now()
    is_operator = member.user.is_superuser
    mine = Workspace.objects.filter(pk=member.workspace_id)
    loads = loads_of(Workspace.objects.all() if is_operator else mine, now)
    redis, broker = _redis()
    late = now - timedelta(seconds=LATE_SECONDS)
    return {
        "now": now,
        "database": _database(),
        "redis": redis,
        "sandbox": _sandbox(),
        "search": _search(is_operator=is_operator),
        "sweeper": Part(works=bool(broker.swept_at and broker.swept_at > late), text=""),
        "broker": broker,
        "held": _held(now),
        "is_operator": is_operator,
        "total": _total(loads),
        "loads": [load for load in loads if not load.is_quiet or not is_operator],
        "schedules": _schedules(now),
        "limits": [(name, getattr(settings, name)) for name in LIMITS],
        "bounds": (limits.LEASE_SECONDS, limits.STEP_LOSSES_MAX, limits.MODEL_REQUESTS_PER_TURN_MAX),
    }


def _database() -> Part:
    began = time.perf_counter()
    with database.cursor() as cursor:
        cursor.execute("SELECT 1")
    taken = (time.perf_counter() - began) * 1000
    if database.vendor == "sqlite":
        import sqlite3

        return Part(works=True, text=f"SQLite {sqlite3.sqlite_version}", milliseconds=taken)
    version: Any = database.get_database_version()
    return Part(works=True, text=f"{database.display_name} {'.'.join(map(str, version))}", milliseconds=taken)


def _redis() -> tuple[Part, Broker]:
    client: Any = connection()
    try:
        began = time.perf_counter()
        client.ping()
        taken = (time.perf_counter() - began) * 1000
        about = client.info()
        name = "Valkey" if "valkey_version" in about else "Redis"
        version = about.get("valkey_version") or about.get("redis_version", "")
        text = f"{name} {version}, {about.get('used_memory_human', '')} in use"
        return Part(works=True, text=text, milliseconds=taken), _broker(client)
    except (RedisError, OSError) as error:
        return Part(works=False, text=str(error) or type(error).__name__), Broker()


def turn_slots() -> int | None:
    """How many turns all worker processes together can drive at once; None where Redis, which they report to, is
    away."""
    try:
        return sum(process.slots.get("turns", 0) for process in _processes(connection()))
    except (RedisError, OSError):
        return None


def _broker(client: Any) -> Broker:
    queues = {name: Queue(name, connection=client) for name in QUEUES}
    return Broker(
        processes=_processes(client),
        queues={name: queue.count for name, queue in queues.items()},
        failed=[job for queue in queues.values() for job in _failed(client, queue)],
        followed=len(client.pubsub_channels(f"{CHANNEL_PREFIX}*")),
        swept_at=last_round(),
    )


def _processes(client: Any) -> list[Process]:
    """From what each slot tells RQ about itself, in one question for all of them."""
    names = sorted(client.smembers(REDIS_WORKER_KEYS))
    pipeline = client.pipeline(transaction=False)
    for name in names:
        pipeline.hmget(name, "hostname", "pid", "queues", "last_heartbeat")
    found: dict[tuple[str, str], Process] = {}
    for told in pipeline.execute():
        host, pid, queue, heard = (value.decode() if value else "" for value in told)
        if not heard or _seconds_since(heard) > SLOT_GONE_SECONDS:
            continue
        process = found.setdefault((host, pid), Process(host, pid))
        process.slots[queue] = process.slots.get(queue, 0) + 1
    driven = _driven()
    for process in found.values():
        process.leases = driven.get(process.pid, 0)
        process.slots = {name: process.slots[name] for name in QUEUES if name in process.slots}
    return list(found.values())


def _seconds_since(stamp: str) -> float:
    heard = datetime.fromisoformat(stamp.replace("Z", "+00:00"))
    return (timezone.now() - (heard if heard.tzinfo else heard.replace(tzinfo=UTC))).total_seconds()


def _failed(client: Any, queue: Queue) -> Iterator[FailedJob]:
    ids = FailedJobRegistry(queue=queue).get_job_ids(0, FAILED_SHOWN_MAX - 1, desc=True)
    for job in Job.fetch_many(ids, connection=client):
        if job is not None:
            result = job.latest_result()
            lines = ((result.exc_string if result else None) or "").strip().splitlines() or ["no traceback was kept"]
            at = job.ended_at.replace(tzinfo=job.ended_at.tzinfo or UTC) if job.ended_at else None
            yield FailedJob(name=job.func_name or "", at=at, last_line=lines[-1][:400])


def _sandbox() -> Part:
    try:
        told = sandbox().stats()
    except DomainError as error:
        return Part(works=False, text=error.message)
    return Part(works=True, text=f"{told['open']} of {told['boxes_max']} boxes open, {told['busy']} busy")


def _search(*, is_operator: bool) -> Part:
    """Where the engine stands is the installation's affair."""
    if missing := missing_web_tools().get(SEARCH):
        return Part(works=False, text=missing)
    return Part(works=True, text=f"asks {search_provider().connected_to}" if is_operator else "connected")


def _leased() -> list[type[Model]]:
    """The tables whose rows are driven under a lease."""
    return [model for model in apps.get_models() if {"lease_owner", "fence"} <= {f.name for f in model._meta.fields}]


def _held(now: datetime) -> list[tuple[str, int]]:
    """How many leases stand, by holder."""
    held: dict[str, int] = {}
    for model in _leased():
        rows = model._default_manager.filter(lease_until__gte=now).values_list("lease_owner").annotate(n=Count("pk"))
        for owner, count in rows:
            held[owner or "nobody"] = held.get(owner or "nobody", 0) + count
    return sorted(held.items())


def _driven() -> dict[str, int]:
    """The same by process id, which a holder's name begins with."""
    driven: dict[str, int] = {}
    for owner, count in _held(timezone.now()):
        pid = pid_of(owner)
        driven[pid] = driven.get(pid, 0) + count
    return driven


def _total(loads: list[Load]) -> dict[str, Any]:
    """All that is shown, together."""
    counted = ("running", "waiting", "lost", "retrying", "losses", "repeated")
    since = min((load.since for load in loads if load.since), default=None)
    return {"since": since, **{name: sum(getattr(load, name) for load in loads) for name in counted}}


def _schedules(now: datetime) -> dict[str, Any]:
    """Of everything that runs by the clock: how many are due and not begun, and what comes next."""
    tables = [model for model in apps.get_models() if issubclass(model, Scheduled)]
    times = [model._default_manager.exclude(next_run_at=None) for model in tables]
    coming = [rows.aggregate(at=Min("next_run_at", filter=Q(next_run_at__gt=now)))["at"] for rows in times]
    return {
        "due": sum(rows.filter(next_run_at__lte=now).count() for rows in times),
        "planned": sum(rows.count() for rows in times),
        "next": min((at for at in coming if at), default=None),
    }
