"""Picks a part of the running product and kills it, again and again; or lets Redis forget everything."""

import random
import time
from dataclasses import dataclass, field

import psutil
import redis

from tests.stack import Stack

# What a part's process is called, or what is in its command line.
PARTS = {
    "worker": "lucid-worker",
    "web server": "lucid-web",
    "sandbox host": "agents.sandbox.host",
    "practice model": "lucid-practice",
    "Redis": "redis.sock",
}
FORGET = "everything in Redis"
WEIGHTS = {"worker": 4, "web server": 1, "sandbox host": 1, "practice model": 1, "Redis": 1, FORGET: 2}
# A model request is tried three times within five seconds: a model that is killed more often than it can be asked is
# away, and turns that end with an error are then right.
MODEL_PAUSE_SECONDS = 12.0
PAUSE_SECONDS = (0.2, 2.5)


@dataclass
class Killer:
    stack: Stack
    broker: "redis.Redis"
    dice: random.Random
    killed: list[str] = field(default_factory=list)
    last_kill: float = 0.0
    _model_killed: float = 0.0

    def run(self, seconds: float) -> None:
        """Kill something every now and then; `last_kill` says when it was the last time, by the machine's clock."""
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            time.sleep(self.dice.uniform(*PAUSE_SECONDS))
            self.strike(self.dice.choices(list(WEIGHTS), list(WEIGHTS.values()))[0])

    def strike(self, part: str) -> None:
        if part == "practice model" and time.monotonic() - self._model_killed < MODEL_PAUSE_SECONDS:
            return
        if self._forget() if part == FORGET else self._kill(part):
            self.killed.append(part)
            self.last_kill = time.time()
            if part == "practice model":
                self._model_killed = time.monotonic()

    def _forget(self) -> bool:
        try:
            return bool(self.broker.flushall())
        except redis.RedisError:
            return False

    def _kill(self, part: str) -> bool:
        """Whether the part was there: it may be away from the time before."""
        for process in psutil.Process(self.stack.process.pid).children():
            try:
                if PARTS[part] in f"{process.name()} {' '.join(process.cmdline())}":
                    process.kill()
                    return True
            except psutil.NoSuchProcess:
                continue
        return False
