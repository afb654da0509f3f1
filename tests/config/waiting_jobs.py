"""Jobs that a worker's tests let end when they have seen what they wait for."""

import time

from agents.queue import connection
from agents.runtime.turn import stopping

WORD = "tests:word"
PATIENCE_SECONDS = 150


def until_told() -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not connection().get(WORD) and time.monotonic() < deadline:
        time.sleep(0.05)


def until_asked_to_end() -> None:
    """By then the worker takes nothing new."""
    stopping.wait(PATIENCE_SECONDS)
