"""Clients that keep sessions busy and, as the documentation says, look before they send again what may have arrived."""

import json
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Any

import anthropic
import httpx2

TOOLSET: Any = [
    {"type": "agent_toolset_20260401"},
    {"type": "custom", "name": "ask_desk", "description": "Asks the desk.", "input_schema": {"type": "object"}},
]
ASKS: Any = {
    "type": "agent_toolset_20260401",
    "configs": [{"name": "bash", "permission_policy": {"type": "always_ask"}}],
}
CLOUD: Any = {"type": "cloud", "networking": {"type": "unrestricted"}}
LOOK_SECONDS = 0.3
PLAN_SECONDS = 120.0  # a turn that takes longer is stuck; what is left of it is looked at in the end
TURNS_PER_SESSION = 6
RUN = {"tool": "bash", "input": {"command": "echo ran >> effects; sleep 0.3"}}
ASK_DESK = {"tool": "ask_desk", "input": {}}
PLANS: dict[str, list[dict[str, Any]]] = {
    "talk": [{"delay_ms": 400}],
    "queue": [{"delay_ms": 200}],
    "tools": [RUN, {"tools": [RUN, RUN]}, {}],
    "custom": [ASK_DESK, {"delay_ms": 300}],
    "both": [{"tools": [RUN, ASK_DESK]}, {}],
    "interrupt": [{"text": "first", **RUN, "delay_ms": 700}, {"delay_ms": 1200}],
}
AWAY = (anthropic.APIConnectionError, anthropic.InternalServerError)


@dataclass
class World:
    """What all clients share."""

    sdk: anthropic.Anthropic
    agents: list[str]
    environment: str
    ended: threading.Event = field(default_factory=threading.Event)  # nothing more is sent
    closed: threading.Event = field(default_factory=threading.Event)  # nobody reads any more
    sessions: list[str] = field(default_factory=list)
    answers: dict[str, tuple[str, bool]] = field(default_factory=dict)  # marker -> its session, whether it may lack one
    stuck: list[str] = field(default_factory=list)
    away: list[float] = field(default_factory=list)  # how long there was nobody to ask, each time

    @classmethod
    def make(cls, sdk: anthropic.Anthropic) -> "World":
        agents = [
            sdk.beta.agents.create(name="Free", model="practice-1", tools=TOOLSET).id,
            sdk.beta.agents.create(name="Careful", model="practice-1", tools=[ASKS, TOOLSET[1]]).id,
        ]
        return cls(sdk, agents, sdk.beta.environments.create(name="chaos", config=CLOUD).id)


def patiently[T](call: Callable[[], T]) -> T:
    """Repeat what may be repeated until somebody answers."""
    while True:
        try:
            return call()
        except AWAY:
            time.sleep(LOOK_SECONDS)


class Talker(threading.Thread):
    """Sends messages into its sessions and answers what they ask, one plan after the other."""

    def __init__(self, world: World, number: int, seed: int) -> None:
        super().__init__(name=f"talker-{number}", daemon=True)
        self.world = world
        self.dice = random.Random(f"{seed}-{number}")
        self.markers = (f"m{number}-{turn}." for turn in count(1))
        self.events: list[Any] = []

    def run(self) -> None:
        while not self.world.ended.is_set():
            self.session = patiently(partial(self._create, self.dice.choice(self.world.agents)))
            self.world.sessions.append(self.session)
            for _ in range(TURNS_PER_SESSION):
                if not self.world.ended.is_set():
                    self._carry_out(self.dice.choice(list(PLANS)))

    def _create(self, agent: str) -> str:
        return self.world.sdk.beta.sessions.create(agent=agent, environment_id=self.world.environment).id

    def _carry_out(self, plan: str) -> None:
        markers = [next(self.markers) for _ in range(3 if plan == "queue" else 1)]
        for marker in markers:
            self.world.answers[marker] = (self.session, plan == "interrupt")
        self._send_once([message(marker, PLANS[plan]) for marker in markers], markers)
        if plan == "interrupt":
            time.sleep(self.dice.uniform(0.1, 1.5))
            patiently(lambda: self._send([{"type": "user.interrupt"}]))
        began, away = time.monotonic(), sum(self.world.away)
        while not self._is_over(markers):
            if time.monotonic() - began > PLAN_SECONDS + sum(self.world.away) - away:
                self.world.stuck.append(f"{self.session} {plan}")
                return
            time.sleep(LOOK_SECONDS)

    def _send_once(self, events: list[Any], markers: list[str]) -> None:
        """All of a request arrives or nothing does: whoever got no answer looks which it was."""
        while True:
            try:
                self._send(events)
                return
            except AWAY:
                time.sleep(LOOK_SECONDS)
                self._look()
                if any(said(event, markers[0]) for event in self.events if event.type == "user.message"):
                    return

    def _send(self, events: list[Any]) -> None:
        self.world.sdk.beta.sessions.events.send(self.session, events=events)

    def _look(self) -> None:
        self.events = patiently(lambda: list(self.world.sdk.beta.sessions.events.list(self.session, limit=1000)))

    def _is_over(self, markers: list[str]) -> bool:
        self._look()
        status = next((e for e in reversed(self.events) if e.type.startswith("session.status_")), None)
        if status is None or status.type != "session.status_idle":
            return False
        if status.stop_reason.type == "requires_action":
            self._answer(status.stop_reason.event_ids)
            return False
        # A message that still waits has been sent after this status.
        taken = [e for e in self.events if e.type == "user.message" and e.processed_at is not None]
        return all(any(said(event, marker) for event in taken) for marker in markers)

    def _answer(self, ids: list[str]) -> None:
        calls = {event.id: event.type for event in self.events}
        for id in ids:
            event: Any = {"type": "user.tool_confirmation", "tool_use_id": id, "result": "allow"}
            if calls[id] == "agent.custom_tool_use":
                text = [{"type": "text", "text": "the desk says yes"}]
                event = {"type": "user.custom_tool_result", "custom_tool_use_id": id, "content": text}
            try:
                self._send([event])
            except (*AWAY, anthropic.BadRequestError, anthropic.ConflictError):
                pass  # it may have arrived already; the next look tells


class Reader(threading.Thread):
    """Follows a session's stream and, after each lost connection, reads the list for what it missed."""

    def __init__(self, world: World, session: str) -> None:
        super().__init__(name=f"reader-{session}", daemon=True)
        self.world, self.session = world, session
        self.seen: list[str] = []
        self.doubled: list[str] = []

    def run(self) -> None:
        while not self.world.closed.is_set():
            try:
                self._follow()
            except (anthropic.APIError, httpx2.HTTPError):
                time.sleep(LOOK_SECONDS)

    def _follow(self) -> None:
        events: Any = self.world.sdk.beta.sessions.events
        streamed: set[tuple[str, bool]] = set()
        with events.stream(self.session) as stream:
            for past in events.list(self.session, limit=1000):
                self._note(past.id)
            for event in stream:
                # What a client sends is shown twice: as it is queued, and as it is taken in.
                shown = (event.id, event.processed_at is None)
                if shown in streamed:
                    self.doubled.append(event.id)
                streamed.add(shown)
                self._note(event.id)

    def _note(self, id: str) -> None:
        if id not in self.seen:
            self.seen.append(id)


def message(marker: str, plan: list[dict[str, Any]]) -> Any:
    """A message whose program ends with the words by which its answer is known."""
    program = [*plan[:-1], {**plan[-1], "text": f"answer to {marker}"}]
    text = f"{marker}\npractice: {json.dumps({'steps': program})}"
    return {"type": "user.message", "content": [{"type": "text", "text": text}]}


def said(event: Any, marker: str) -> bool:
    return any(block.text.startswith(f"{marker}\n") for block in event.content if block.type == "text")
