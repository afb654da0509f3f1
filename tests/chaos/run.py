"""One run: sessions at work, parts ended for a while, then peace, and what came of it."""

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import anthropic
import redis
from django.utils import timezone

from agents.models import Event, Session
from tests.chaos.clients import Reader, Talker, World
from tests.chaos.invariants import broken, unanswered
from tests.chaos.model import Model
from tests.chaos.parts import Killer
from tests.stack import Stack

TALKERS, READERS = 8, 3
BUSY_SESSIONS = 4
PEACE_SECONDS = 180.0
CAUGHT_UP_SECONDS = 60.0
WORK_SECONDS = 15.0


@dataclass(frozen=True)
class Requests:
    """Model requests: those of the log, closed one by one, those of them that failed, those that recovery repeated as
    the product counts them, and those that the model saw."""

    logged: int
    failed: int
    repeated: int
    seen: int

    @property
    def unseen(self) -> int:
        """Opened or repeated in the books and never seen by the model."""
        return self.logged + self.repeated - self.seen

    def problems(self, strikes: int) -> Iterator[str]:
        """A worker may die, or be stopped, between its note that it asks and the question, in each session that is at
        work: then the model saw one less. One more it must never see."""
        if not 0 <= self.unseen <= self.failed + strikes * TALKERS:
            yield f"the model saw other requests than were counted: {self}"


@dataclass
class Outcome:
    killed: list[str]
    sessions: int
    turns: int
    messages: int
    requests: "Requests"
    errors: int
    recovery_seconds: float
    away: list[float]
    problems: list[str] = field(default_factory=list)


def chaos(
    stack: Stack, sdk: anthropic.Anthropic, redis_url: str, model: Model, *, seconds: float, seed: int
) -> Outcome:
    world = World.make(sdk)
    talkers = [Talker(world, number, seed) for number in range(TALKERS)]
    for talker in talkers:
        talker.start()
    readers = start_readers(world)
    killer = Killer(stack, redis.Redis.from_url(redis_url), random.Random(seed), away=world.away)
    killer.run(seconds)
    wait_for_work(world)
    killer.strike("worker")
    running = list(Session.objects.filter(pk__in=world.sessions, status__in=["running", "rescheduling"]))
    recovery = seconds_to_rest(running, killer.last_kill)
    world.ended.set()
    deadline = time.monotonic() + PEACE_SECONDS
    for talker in talkers:
        talker.join(max(deadline - time.monotonic(), 0.1))
    wait_for_rest(world.sessions)
    problems = [*find_problems(world), *missed(readers), *(f"stuck: {plan}" for plan in world.stuck)]
    world.closed.set()
    requests = count_requests(world, model)
    return outcome(world, killer, recovery, requests, [*problems, *requests.problems(len(killer.workers_lost))])


def start_readers(world: World) -> list[Reader]:
    while len(world.sessions) < READERS:
        time.sleep(0.05)
    readers = [Reader(world, session) for session in world.sessions[:READERS]]
    for reader in readers:
        reader.start()
    return readers


def wait_for_work(world: World) -> None:
    """The last kill is to hit something, if there is anything to hit."""
    deadline = time.monotonic() + WORK_SECONDS
    busy = Session.objects.filter(pk__in=world.sessions, status="running", threads__lease_until__gt=timezone.now())
    while busy.count() < BUSY_SESSIONS and time.monotonic() < deadline:
        time.sleep(0.05)


def seconds_to_rest(running: list[Session], last_kill: float) -> float:
    """How long after the last kill the slowest of these turns took to its end."""
    since = datetime.fromtimestamp(last_kill, UTC)
    waiting, slowest = {session.pk for session in running}, 0.0
    deadline = time.monotonic() + PEACE_SECONDS
    while waiting and time.monotonic() < deadline:
        ends = Event.objects.filter(session_id__in=waiting, type="session.status_idle", processed_at__gt=since)
        for session_id, at in ends.order_by("-seq").values_list("session_id", "processed_at"):
            waiting.discard(session_id)
            slowest = max(slowest, (at - since).total_seconds())
        time.sleep(0.2)
    return float("inf") if waiting else slowest


def wait_for_rest(sessions: list[str]) -> None:
    deadline = time.monotonic() + CAUGHT_UP_SECONDS
    busy = Session.objects.filter(pk__in=sessions).exclude(status="idle")
    while busy.exists() and time.monotonic() < deadline:
        time.sleep(0.2)


def find_problems(world: World) -> list[str]:
    found = [problem for session in world.sessions for problem in broken(session)]
    return found + unanswered(world.answers)


def missed(readers: list[Reader]) -> list[str]:
    """What a client that follows and reconnects did not get, or got twice on one connection."""
    deadline = time.monotonic() + CAUGHT_UP_SECONDS
    while any(unseen(reader) for reader in readers) and time.monotonic() < deadline:
        time.sleep(0.2)
    problems = [f"{reader.session}: a reader missed {unseen(reader)}" for reader in readers if unseen(reader)]
    return problems + [f"{r.session}: a stream brought {r.doubled} twice" for r in readers if r.doubled]


def unseen(reader: Reader) -> list[str]:
    logged = Event.objects.filter(session_id=reader.session).values_list("event_id", flat=True)
    return [event_id for event_id in logged if event_id not in reader.seen]


def count_requests(world: World, model: Model) -> Requests:
    ends = Event.objects.filter(session_id__in=world.sessions, type="span.model_request_end")
    counts: Any = Session.objects.filter(pk__in=world.sessions).values_list("repeated_requests", flat=True)
    failed = ends.filter(payload__is_error=True)
    return Requests(logged=ends.count(), failed=failed.count(), repeated=sum(counts), seen=model.seen)


def outcome(world: World, killer: Killer, recovery: float, requests: Requests, problems: list[str]) -> Outcome:
    events = Event.objects.filter(session_id__in=world.sessions)
    return Outcome(
        killed=killer.killed,
        sessions=len(world.sessions),
        turns=events.filter(type="session.status_idle").count(),
        messages=len(world.answers),
        requests=requests,
        errors=events.filter(type="session.error").count(),
        recovery_seconds=recovery,
        away=killer.away,
        problems=problems,
    )
