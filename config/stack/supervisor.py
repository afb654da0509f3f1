"""Starts the parts in order, keeps them alive, runs the scheduler between, and stops them within 10 seconds."""

import gc
import http.client
import importlib
import logging
import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from config.scheduler import periodic_tasks, run_due
from config.stack import children, web
from config.stack.children import Child
from config.stack.practice import practice_server, use_practice
from config.stack.redis import embedded_redis, wait_for_redis
from config.stack.sandbox import sandbox_host
from config.worker import default_slots, run_worker

logger = logging.getLogger("lucid")

TICK_SECONDS = 0.25
READY_SECONDS = 120.0  # a slow machine takes its time; what a server that ends says is shown at once
# Below 10 s with what running tools are given by default. First whoever works, then what they work with: Redis, the
# sandboxes, the practice model.
STOP_WORK_SECONDS = 1.0
STOP_BASE_SECONDS = 2.0
PRELOADED = ("config.asgi", "config.urls", "anthropic", "agents.jobs", "agents.practice.server")


class Supervisor:
    """The processes of one machine."""

    def __init__(self, *, data_dir: Path, listener: socket.socket, workers: int) -> None:
        self.data_dir = data_dir
        self.listener = listener
        self.workers = workers
        self.base: list[Child] = []
        self.work: list[Child] = []
        self.stopping = threading.Event()

    def request_stop(self, signal_number: int, frame: FrameType | None) -> None:
        self.stopping.set()

    def start_redis(self, *, embeds_redis: bool) -> None:
        """What the first start needs; everything is imported while Redis starts."""
        redis = self._start(self.base, embedded_redis(self.data_dir)) if embeds_redis else None
        preload()
        wait_for_redis(redis)

    def start_base(self) -> None:
        """What the web server and the workers need."""
        if not settings.ANTHROPIC_API_KEY:
            use_practice(self._start(self.base, practice_server(self.data_dir)), self.data_dir)
        self._start(self.base, sandbox_host())

    def start_work(self) -> None:
        """The web server and the workers."""
        self._start(self.work, Child("web server", lambda: web.serve(self.listener), "web"))
        for number in range(1, self.workers + 1):
            name = "worker" if self.workers == 1 else f"worker {number}"
            self._start(self.work, Child(name, lambda: run_worker(default_slots()), "worker"))

    def run_once(self, name: str, body: Callable[[], None]) -> None:
        """Work in the background that ends by itself."""
        self._start(self.work, Child(name, body, title="task", once=True))

    def wait_until_ready(self) -> None:
        """Return when the web server answers a request."""
        deadline = time.monotonic() + READY_SECONDS
        while not self.stopping.is_set() and not _answers(self.listener):
            if time.monotonic() > deadline:
                raise CommandError(f"The web server did not answer within {READY_SECONDS:.0f} s.")
            self._tend()

    def run(self) -> None:
        """Until a stop is asked for: start again what ended, and run the scheduler."""
        tasks = periodic_tasks()
        while not self.stopping.wait(TICK_SECONDS):
            self._tend()
            run_due(tasks)

    def stop(self) -> None:
        children.stop(self.work, settings.LUCID_STOP_SECONDS + STOP_WORK_SECONDS)
        children.stop(self.base, STOP_BASE_SECONDS)

    def _start(self, group: list[Child], child: Child) -> Child:
        child.start()
        group.append(child)
        return child

    def _tend(self) -> None:
        for child in (*self.base, *self.work):
            child.tend()
        time.sleep(0.02)


def preload() -> None:
    """Import what children need before they fork, so that they share its pages and start at once."""
    for name in PRELOADED:
        importlib.import_module(name)
    from django.urls import get_resolver

    get_resolver().url_patterns  # noqa: B018 (reading it imports every view)
    gc.collect()  # garbage would be frozen at the first fork, and stay


def take_signals(handler: Callable[[int, FrameType | None], Any]) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, handler)


def _answers(listener: socket.socket) -> bool:
    host, port = listener.getsockname()[:2]
    address = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    connection = http.client.HTTPConnection(address, port, timeout=5)
    try:
        connection.request("HEAD", "/static/", headers={"Host": "localhost"})
        return connection.getresponse().status < 500
    except OSError:
        return False
    finally:
        connection.close()
