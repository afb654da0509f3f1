"""Limits on time spent in this process, by signals that nobody else in the box can fake."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

TICK_SECONDS = 0.1  # of the timer after its first shot, which rounding may make too early


@contextmanager
def time_limit(seconds: float, error: type[Exception]) -> Iterator[None]:
    with limited(signal.SIGALRM, signal.ITIMER_REAL, time.monotonic, seconds, error()):
        yield


@contextmanager
def cpu_limit(seconds: float, error: Exception) -> Iterator[None]:
    with limited(signal.SIGVTALRM, signal.ITIMER_VIRTUAL, time.process_time, seconds, error):
        yield


@contextmanager
def limited(
    number: signal.Signals, timer: int, clock: Callable[[], float], seconds: float, error: Exception
) -> Iterator[None]:
    deadline = clock() + seconds

    def expire(_signum: int, _frame: FrameType | None) -> None:
        if clock() >= deadline:  # the box's other processes may send the same signal
            raise error

    signal.signal(number, expire)
    signal.setitimer(timer, seconds, TICK_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(timer, 0)
        signal.signal(number, signal.SIG_DFL)
