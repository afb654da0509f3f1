"""What a tool waits for on this machine: done in a thread of its own, so that an interrupt is seen meanwhile."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import cache

from agents import limits
from agents.leases import rest_connection
from agents.sandbox.base import SandboxStopped

LOOK_SECONDS = 0.5  # how often a waiting turn looks whether it was interrupted


def awaited[Result](work: Callable[[], Result], stop: Callable[[], bool] | None) -> Result:
    """What is under way when the call is stopped ends unheard."""
    rest_connection()
    future: Future[Result] = _threads().submit(work)
    while not wait([future], LOOK_SECONDS).done:
        if stop is not None and stop():
            future.cancel()
            raise SandboxStopped("the call was stopped")
    return future.result()


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=limits.FETCHES_AT_ONCE, thread_name_prefix="fetch")
