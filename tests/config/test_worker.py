"""One worker process: many jobs at once, a clean end, and nothing left in RQ's hands."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import django_rq
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from rq import Worker
from rq.registry import FailedJobRegistry, StartedJobRegistry

from agents.queue import enqueue_now
from agents.services.threads import RUN_THREAD
from tests import stack as parts
from tests.config.waiting_jobs import PATIENCE_SECONDS, WORD, until_asked_to_end, until_told

pytestmark = pytest.mark.usefixtures("clean_redis")


@contextmanager
def worker(slots: int) -> Iterator["subprocess.Popen[bytes]"]:
    command = (sys.executable, "manage.py", "rqworker", "turns", "--slots", str(slots))
    with parts.running(*command, data_dir=settings.DATA_DIR) as process:
        parts.wait_for(lambda: True if len(registered()) == slots else None, PATIENCE_SECONDS)
        yield process


def queue():
    return django_rq.get_queue("turns")


def registered():
    return Worker.all(queue=queue())


def running_jobs() -> int:
    return len(StartedJobRegistry(queue=queue()).get_job_ids())


def untouched() -> bool | None:
    return True if not queue().count and not running_jobs() else None


def begin(job: Callable[..., None], *arguments: float) -> None:
    queue().enqueue(job, *arguments, result_ttl=0)


def test_slots_run_jobs_side_by_side():
    with worker(slots=4):
        for _ in range(4):
            begin(until_told)
        parts.wait_for(lambda: True if running_jobs() == 4 else None, PATIENCE_SECONDS)
        queue().connection.set(WORD, "go on")
        parts.wait_for(untouched, PATIENCE_SECONDS)


def test_a_stopping_worker_finishes_what_it_began_and_takes_nothing_new():
    with worker(slots=2) as process:
        for _ in range(6):
            begin(until_asked_to_end)
        parts.wait_for(lambda: True if running_jobs() == 2 else None, PATIENCE_SECONDS)
        process.send_signal(signal.SIGTERM)
        assert process.wait(parts.STOP_SECONDS) == 0
    assert running_jobs() == 0
    assert queue().count == 4
    assert queue().intermediate_queue.get_job_ids() == []
    assert registered() == []


def test_a_job_that_never_ends_does_not_keep_the_worker():
    with worker(slots=1) as process:
        begin(time.sleep, 600)
        parts.wait_for(lambda: True if running_jobs() == 1 else None, PATIENCE_SECONDS)
        process.send_signal(signal.SIGTERM)
        assert process.wait(parts.STOP_SECONDS) == 0


def test_a_failed_job_is_kept_an_hour_and_the_slot_goes_on():
    with worker(slots=1):
        enqueue_now("nowhere.nothing", "id")
        enqueue_now("time.gmtime")
        parts.wait_for(untouched, PATIENCE_SECONDS)
    (failed,) = FailedJobRegistry(queue=queue()).get_job_ids()
    assert 0 < queue().connection.ttl(f"rq:job:{failed}") <= 3600


def test_an_unknown_queue_is_named():
    with pytest.raises(CommandError, match="No queue is named urgent: use one of turns, batch"):
        call_command("rqworker", "urgent")


def test_a_wake_up_that_was_taken_leaves_nothing_behind():
    with worker(slots=1):
        enqueue_now(RUN_THREAD, "sthr_none")
        parts.wait_for(lambda: True if not list(queue().connection.scan_iter("rq:job:*")) else None, PATIENCE_SECONDS)
    assert queue().intermediate_queue.get_job_ids() == []
    assert queue().count == running_jobs() == 0
