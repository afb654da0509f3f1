"""What is done again and again: threads whose worker is gone are woken; each task has its own interval."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from django.db import close_old_connections
from django.utils.module_loading import import_string

from agents.limits import SWEEP_SECONDS

FILE_SECONDS = 60.0  # stored bytes that nobody can reach any more are nobody's hurry
FORGET_SECONDS = 3_600.0  # what is long over is nobody's hurry either
COUNT_SECONDS = 10.0  # costs are right without it, and told faster with it
DEMO_SECONDS = 2.0  # how long a demo round that can go on waits at most
APPROVED_SECONDS = 30.0  # what was approved is written at once; this is for a process that died in between

logger = logging.getLogger("lucid")


@dataclass
class Task:
    """A function by its dotted path, run every so many seconds; running it twice at once is harmless."""

    path: str
    every_seconds: float
    due_at: float = 0.0


def periodic_tasks() -> list[Task]:
    return [
        Task("agents.jobs.sweep_threads", SWEEP_SECONDS),
        Task("agents.jobs.start_due_deployments", SWEEP_SECONDS),
        Task("agents.jobs.sweep_work", SWEEP_SECONDS),
        Task("agents.jobs.forget_old_work", FORGET_SECONDS),
        Task("agents.jobs.sweep_files", FILE_SECONDS),
        Task("agents.jobs.count_costs", COUNT_SECONDS),
        Task("dreams.jobs.sweep_dreams", SWEEP_SECONDS),
        Task("dreams.jobs.start_policies", SWEEP_SECONDS),
        Task("dreams.jobs.finish_approved", APPROVED_SECONDS),
        Task("dreams.demo.jobs.tick", DEMO_SECONDS),
    ]


def run_due(tasks: list[Task], *, now: Callable[[], float] = time.monotonic) -> None:
    """Run what is due. A task that fails is logged and tried again: the next one must not wait for it."""
    for task in tasks:
        if now() < task.due_at:
            continue
        task.due_at = now() + task.every_seconds
        close_old_connections()
        try:
            import_string(task.path)()
        except Exception:
            logger.exception("%s failed; it runs again in %.0f s", task.path, task.every_seconds)
        finally:
            close_old_connections()
