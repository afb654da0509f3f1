"""One worker process: many thread slots, each an RQ worker of its own on one queue.

Why threads: a turn mostly waits for a model. 100 forked workers took 2.96 GB for what 100 slots do in 165 MB. Why one
queue per slot: RQ takes a job from a single queue in one atomic move, and from several with a pop that a crash loses.
"""

import logging
import os
import signal
import threading
import time
from types import FrameType
from typing import Any

import django_rq
from django.conf import settings
from django.db import close_old_connections, connections
from redis.exceptions import RedisError
from rq import SimpleWorker
from rq.exceptions import StopRequested
from rq.job import Job
from rq.queue import Queue
from rq.timeouts import TimerDeathPenalty
from rq.worker import WorkerStatus

from agents import fairness, plugs
from agents.runtime import loop, turn
from agents.services.threads import RUN_THREAD
from config import garbage

logger = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 15
MAINTENANCE_SECONDS = 30
SLOT_TTL_SECONDS = 17  # RQ waits for a job 15 s less than this: an idle slot stops within 2 s
IDLE_SECONDS = 2.5  # an idle slot takes 2 s to come back from its wait for a job; one without Redis never does
WORKER_BEAT_SECONDS = 5.0  # RQ's records of a worker outlive a minute of silence
QUICK = (WorkerStatus.BUSY, WorkerStatus.IDLE)  # a slot changes between them with each turn, and nobody looks
RESTART_SECONDS = 1.0  # a slot whose Redis went away tries again this soon


class ThreadSlot(SimpleWorker):
    """An RQ worker that runs in a thread: no signals, no subscription of its own, stopped by an event."""

    death_penalty_class = TimerDeathPenalty
    stopping = threading.Event()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("job_monitoring_interval", HEARTBEAT_SECONDS)
        kwargs.setdefault("maintenance_interval", MAINTENANCE_SECONDS)
        kwargs.setdefault("worker_ttl", SLOT_TTL_SECONDS)
        self.job: Job | None = None
        self._beaten_at = self._looked_at = float("-inf")
        super().__init__(*args, **kwargs)

    def _install_signal_handlers(self) -> None:
        pass

    def subscribe(self) -> None:
        pass

    def unsubscribe(self) -> None:
        pass

    def procline(self, message: str) -> None:
        pass

    def _set_ip_address(self, connection: Any) -> None:
        self.ip_address = "unknown"  # asking costs a list of all clients for each slot

    def get_heartbeat_ttl(self, job: Job) -> int:
        return int(self.job_monitoring_interval) + 60

    @property
    def should_run_maintenance_tasks(self) -> bool:
        # RQ reads this right before each blocking wait for a job: the one safe place to stop.
        if self.stopping.is_set():
            raise StopRequested
        return bool(super().should_run_maintenance_tasks)

    def execute_job(self, job: Job, queue: Queue) -> None:
        if self.stopping.is_set():
            raise StopRequested  # the row still says what is to be done; the sweeper wakes another worker
        self.job = job
        close_old_connections()
        try:
            if job.func_name == RUN_THREAD:
                self._drive(job, queue)
            else:
                super().execute_job(job, queue)
        finally:
            self.job = None
            close_old_connections()

    def _drive(self, job: Job, queue: Queue) -> None:
        """A wake-up is spent once it is taken: the thread's lease and the sweeper see to what a crash leaves undone, so
        RQ's records of runs, results and failures, which take longer than a short turn, would be kept for nobody."""
        with self.connection.pipeline(transaction=False) as pipeline:
            pipeline.lrem(queue.intermediate_queue_key, 1, job.id)
            pipeline.delete(job.key)
            pipeline.llen(queue.key)
            *_, waiting = pipeline.execute()
        try:
            if thread := fairness.claim(*job.args, is_crowded=waiting > 0):
                loop.drive(thread)
        except Exception:
            logger.exception("The wake-up of %s failed; the sweeper makes another one.", job.args)

    def heartbeat(self, timeout: int | None = None, pipeline: Any = None) -> None:
        # RQ beats three times for each job.
        if pipeline is not None or time.monotonic() - self._beaten_at > WORKER_BEAT_SECONDS:
            self._beaten_at = time.monotonic()
            super().heartbeat(timeout, pipeline)

    def set_state(self, state: str, pipeline: Any = None) -> None:
        if pipeline is not None or self._state not in QUICK or state not in QUICK:
            super().set_state(state, pipeline)

    def check_for_suspension(self, burst: bool) -> None:
        if time.monotonic() - self._looked_at > WORKER_BEAT_SECONDS:
            self._looked_at = time.monotonic()
            super().check_for_suspension(burst)

    def beat(self) -> None:
        """Tell RQ that the running job lives; the pool's main thread calls it, because this one is busy."""
        job, execution = self.job, self.execution
        if job is not None and execution is not None:
            self.maintain_heartbeats(job)
        elif job is not None:
            self.heartbeat(self.get_heartbeat_ttl(job))


class SlotPool:
    """The slots of this process. `run` returns when it was asked to stop and running jobs ended or had their time: a
    turn is handed over behind the tool call or the model request that it waits for, and cut off in it when that takes
    too long; then its next holder tells the model that the call was interrupted, or asks the model again."""

    def __init__(self, slots: dict[str, int]) -> None:
        self.stopping = threading.Event()
        self._current: dict[str, ThreadSlot] = {}
        self._threads = [
            threading.Thread(
                target=self._serve, args=(f"{queue}-{number}", queue), name=f"{queue}-{number}", daemon=True
            )
            for queue, count in slots.items()
            for number in range(count)
        ]

    def run(self) -> None:
        for thread in self._threads:
            thread.start()
        last_beat = time.monotonic()
        while not self.stopping.wait(0.5):
            if time.monotonic() - last_beat >= HEARTBEAT_SECONDS:
                last_beat = time.monotonic()
                self._beat()
        self._wait_for_slots()

    def request_stop(self, signal_number: int, frame: FrameType | None) -> None:
        self.stopping.set()
        turn.stopping.set()

    @property
    def busy(self) -> int:
        return sum(slot.job is not None for slot in list(self._current.values()))

    def _wait_for_slots(self) -> None:
        asked_at = time.monotonic()
        while any(thread.is_alive() for thread in self._threads):
            patience = settings.LUCID_STOP_SECONDS if self.busy else IDLE_SECONDS
            if time.monotonic() - asked_at > patience:
                return
            time.sleep(0.05)

    def _serve(self, name: str, queue: str) -> None:
        try:
            while not self.stopping.is_set():
                self._work(name, queue)
                self.stopping.wait(RESTART_SECONDS)
        finally:
            connections.close_all()

    def _work(self, name: str, queue: str) -> None:
        try:
            source = django_rq.get_queue(queue)
            slot = ThreadSlot(
                [source], connection=source.connection, queue_class=type(source), log_job_description=False
            )
            slot.stopping = self.stopping
            self._current[name] = slot
            slot.work(logging_level="WARNING")
        except (RedisError, OSError) as error:
            logger.warning("The slot %s lost Redis, trying again: %s", name, error)

    def _beat(self) -> None:
        for slot in list(self._current.values()):
            try:
                slot.beat()
            except (RedisError, OSError) as error:
                logger.warning("No heartbeat for %s: %s", slot.name, error)


def run_worker(slots: dict[str, int]) -> None:
    """Serve the queues in this process until SIGTERM or SIGINT."""
    garbage.settle()
    plugs.model_client()  # slots that ask for it at once would make one each
    pool = SlotPool(slots)
    signal.signal(signal.SIGTERM, pool.request_stop)
    signal.signal(signal.SIGINT, pool.request_stop)
    pool.run()
    if pool.busy:
        logger.warning("%s jobs were cut off; their sessions go on when a worker is back", pool.busy)
    logging.shutdown()
    # Slots that still wait for a model would hold the interpreter's exit for minutes.
    os._exit(0)


def default_slots() -> dict[str, int]:
    return {"turns": settings.LUCID_TURN_SLOTS, "batch": settings.LUCID_BATCH_SLOTS}
