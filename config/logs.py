"""Keeps the log readable when the same thing goes wrong in every slot at once."""

import logging
import threading
import time

REPEAT_SECONDS = 10.0
KINDS_MAX = 500  # log lines are written in code, so there are few kinds; a bound all the same


class Calm(logging.Filter):
    """Lets a warning of one kind through once in a while; other slots say the same with another name in it."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._told_at: dict[tuple[str, int, str], float] = {}

    _never_repeated = ("lucid",)  # the supervisor speaks once about each process

    def filter(self, record: logging.LogRecord) -> bool:
        if record.exc_info or record.levelno < logging.WARNING or record.name in self._never_repeated:
            return True
        kind = (record.pathname, record.lineno, str(record.msg))
        now = time.monotonic()
        with self._lock:
            if now - self._told_at.get(kind, -REPEAT_SECONDS) < REPEAT_SECONDS:
                return False
            if len(self._told_at) >= KINDS_MAX:
                self._told_at.clear()
            self._told_at[kind] = now
        return True
