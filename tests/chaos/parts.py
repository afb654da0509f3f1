"""Picks a part of the running product and ends it, again and again, by `kill -9` or as an operator would; or lets Redis
forget everything."""

import random
import signal
import time
from contextlib import suppress
from dataclasses import dataclass, field

import psutil
import redis

from tests.stack import Stack

# What a part's process is called, or what is in its command line.
PARTS = {
    "worker": "lucid-worker",
    "web server": "lucid-web",
    "sandbox host": "agents.sandbox.host",
    "Redis": "redis.sock",
}
WHOLE = "up"  # which is the scheduler as well
DRIVING = ("worker", WHOLE)
FORGET = "everything in Redis"
WEIGHTS = {"worker": 8, "web server": 3, "sandbox host": 2, "Redis": 3, FORGET: 4, WHOLE: 2}
SIGNALS = {signal.SIGKILL: 2, signal.SIGTERM: 1}
PAUSE_SECONDS = (0.2, 2.5)
# A step of a turn that costs five workers in a row is given up, and rightly: they get time to make one.
WORKERS_LOST_MAX, WORKERS_PAUSE_SECONDS = 3, 20.0


@dataclass
class Killer:
    stack: Stack
    broker: "redis.Redis"
    dice: random.Random
    killed: list[str] = field(default_factory=list)
    last_kill: float = 0.0
    workers_lost: list[float] = field(default_factory=list)  # when
    away: list[float] = field(default_factory=list)  # how long the whole was, each time

    def run(self, seconds: float) -> None:
        """End something every now and then; `last_kill` says when it was the last time, by the machine's clock."""
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            time.sleep(self.dice.uniform(*PAUSE_SECONDS))
            part = self.dice.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
            number = self.dice.choices(list(SIGNALS), list(SIGNALS.values()))[0]
            if part not in DRIVING or self._may_lose_workers():
                self.strike(part, number)

    def strike(self, part: str, number: signal.Signals = signal.SIGKILL) -> None:
        if part == FORGET:
            was_there = self._forget()
        elif part == WHOLE:
            was_there = self._kill_all(number)
        else:
            was_there = self._kill(part, number)
        if was_there:
            self.killed.append(part if part == FORGET else f"{part} {number.name}")
            self.last_kill = time.time()
            if part in DRIVING:
                self.workers_lost.append(self.last_kill)

    def _may_lose_workers(self) -> bool:
        recent = [moment for moment in self.workers_lost if time.time() - moment < WORKERS_PAUSE_SECONDS]
        return len(recent) < WORKERS_LOST_MAX

    def _forget(self) -> bool:
        try:
            return bool(self.broker.flushall())
        except redis.RedisError:
            return False

    def _kill_all(self, number: signal.Signals) -> bool:
        """Whoever ends the whole starts it again at once; it counts from then on."""
        began = time.monotonic()
        self.stack.stop(number)
        self.stack.start_again()
        self.away.append(time.monotonic() - began)
        return True

    def _kill(self, part: str, number: signal.Signals) -> bool:
        """Whether the part was there: it may be away from the time before."""
        process = find(self.stack, PARTS[part])
        with suppress(psutil.NoSuchProcess):
            if process is not None:
                process.send_signal(number)
                return True
        return False


def find(stack: Stack, mark: str) -> psutil.Process | None:
    """A part of the product by its name or by what stands in its command line; None while it is away."""
    for process in psutil.Process(stack.process.pid).children():
        with suppress(psutil.NoSuchProcess):  # it ended meanwhile
            if mark in f"{process.name()} {' '.join(process.cmdline())}":
                return process
    return None
