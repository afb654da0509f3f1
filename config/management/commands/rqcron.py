"""Runs the scheduler on a machine of its own; several at once do no harm."""

import signal
import threading
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand

from config.scheduler import periodic_tasks, run_due

TICK_SECONDS = 0.5


class Command(BaseCommand):
    help = "Run the periodic tasks until SIGTERM or Ctrl+C; `up` does this by itself."

    def handle(self, *args: Any, **options: Any) -> None:
        stopping = threading.Event()

        def request_stop(signal_number: int, frame: FrameType | None) -> None:
            stopping.set()

        signal.signal(signal.SIGTERM, request_stop)
        signal.signal(signal.SIGINT, request_stop)
        tasks = periodic_tasks()
        while not stopping.wait(TICK_SECONDS):
            run_due(tasks)
