"""Picks a part of the running product and ends it, again and again, by `kill -9` or as an operator would; or lets Redis
forget everything."""

import random
import signal
import time
from contextlib import suppress
from dataclasses import dataclass, field

import psutil
import redis

from tests.chaos.model import Model
from tests.stack import Stack

# What a part's process is called, or what is in its command line.
PARTS = {
    "worker": "lucid-worker",
    "web server": "lucid-web",
    "sandbox host": "agents.sandbox.host",
    "Redis": "redis.sock",
}
WHOLE = "up"  # which is the scheduler as well
MODEL = "model"
FORGET = "everything in Redis"
WEIGHTS = {"worker": 8, "web server": 3, "sandbox host": 2, MODEL: 2, "Redis": 3, FORGET: 4, WHOLE: 2}
SIGNALS = {signal.SIGKILL: 2, signal.SIGTERM: 1}
# A model request is tried three times within five seconds: a model that is killed more often than it can be asked is
# away, and turns that end with an error are then right.
MODEL_PAUSE_SECONDS = 12.0
PAUSE_SECONDS = (0.2, 2.5)


@dataclass
class Killer:
    stack: Stack
    broker: "redis.Redis"
    model: Model
    dice: random.Random
    killed: list[str] = field(default_factory=list)
    last_kill: float = 0.0
    away: list[float] = field(default_factory=list)  # how long the whole was, each time
    _model_killed: float = 0.0

    def run(self, seconds: float) -> None:
        """End something every now and then; `last_kill` says when it was the last time, by the machine's clock."""
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            time.sleep(self.dice.uniform(*PAUSE_SECONDS))
            part = self.dice.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
            self.strike(part, self.dice.choices(list(SIGNALS), list(SIGNALS.values()))[0])

    def strike(self, part: str, number: signal.Signals = signal.SIGKILL) -> None:
        if part == FORGET:
            was_there = self._forget()
        elif part == MODEL:
            was_there = self._kill_model(number)
        elif part == WHOLE:
            was_there = self._kill_all(number)
        else:
            was_there = self._kill(part, number)
        if was_there:
            self.killed.append(part if part == FORGET else f"{part} {number.name}")
            self.last_kill = time.time()

    @property
    def strikes_at_workers(self) -> int:
        return sum(name.startswith(("worker", WHOLE)) for name in self.killed)

    def _forget(self) -> bool:
        try:
            return bool(self.broker.flushall())
        except redis.RedisError:
            return False

    def _kill_model(self, number: signal.Signals) -> bool:
        if time.monotonic() - self._model_killed < MODEL_PAUSE_SECONDS:
            return False
        self.model.process.send_signal(number)
        self.model.start_again()
        self._model_killed = time.monotonic()
        return True

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
