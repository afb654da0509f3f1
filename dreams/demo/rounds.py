"""Demo rounds: an agent with a world of its own, sessions on fresh tasks, the checker's verdicts, a first dream.

Everything that is to be done next is read from the tables, so a round that was killed anywhere goes on where it was:
`advance` does what is left and says whether anything is.
"""

import json
import os
import secrets
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from agents.actors import platform
from agents.exceptions import DomainError, Unavailable
from agents.models import Agent, InboxEvent, Scope, Session, SessionStatus, Workspace
from agents.plugs import sandbox
from agents.services.agents import create_agent
from agents.services.api_keys import issue_api_key, revoke_api_key
from agents.services.environments import create_environment
from agents.services.events import send_events
from agents.services.sessions import create_session
from dreams.demo.answers import answer_hash
from dreams.demo.scripts import program_files
from dreams.demo.world import Task, World, build_world, deal_round
from dreams.entries import INDEX_PATH, render_index
from dreams.limits import INDEX_MAX_LINES
from dreams.models import Dream, DreamPolicy
from dreams.policies import create_policy
from dreams.services import create_dream
from memory.services import create_memory, create_store

AGENT_NAME = "Demo: generated tasks"
ENVIRONMENT_NAME = "Demo sandbox"
STORE_NAME = "Demo notes"
POLICY_NAME = "Nightly dream of the demo"
MODEL = "practice"
MARK = "demo"  # what pages look for
SEED, ENVIRONMENT, STORE, ROUND, TASK = "demo_seed", "demo_environment", "demo_store", "demo_round", "demo_task"
CHECKER_SECONDS = 60
SYSTEM = (
    "You run small command-line programs and report what they print. Each prints what it takes when called with --help."
    " End with one line `ANSWER: ` and what the program printed, or with `GAVE UP` when nothing worked."
)
CONFIG = {
    "type": "cloud",
    "networking": {"type": "limited", "allowed_hosts": [], "allow_mcp_servers": False, "allow_package_managers": False},
    "packages": {"type": "packages", **{manager: [] for manager in ("apt", "cargo", "gem", "go", "npm", "pip")}},
}


@dataclass(frozen=True, kw_only=True)
class Demo:
    """A demo agent with what its metadata names."""

    agent: Agent
    environment_id: str
    store_id: str
    seed: str

    @classmethod
    def of(cls, agent: Agent) -> "Demo":
        named = agent.metadata
        return cls(agent=agent, environment_id=named[ENVIRONMENT], store_id=named[STORE], seed=named[SEED])

    @property
    def workspace(self) -> Workspace:
        return self.agent.workspace

    @cached_property
    def world(self) -> World:
        return build_world(self.seed)

    def tasks(self, number: int) -> dict[str, Task]:
        return {task.key: task for task in deal_round(self.world, f"{self.seed}/{number}")}

    def sessions(self, number: int | None = None) -> QuerySet[Session]:
        wanted: dict[str, Any] = {f"metadata__{ROUND}": str(number)} if number else {"metadata__has_key": ROUND}
        return Session.objects.filter(agent=self.agent, **wanted).order_by("created_at", "pk")

    def dreams(self) -> QuerySet[Dream]:
        return Dream.objects.filter(workspace=self.workspace, input_store_id=self.store_id)

    @property
    def latest_round(self) -> int:
        rounds = {int(session.metadata[ROUND]) for session in self.sessions().only("metadata")}
        return max(rounds, default=0)


def demo_agents() -> QuerySet[Agent]:
    named = Agent.objects.filter(metadata__has_keys=[SEED, ENVIRONMENT, STORE], archived_at=None)
    return named.select_related("workspace").order_by("created_at", "pk")


def find_demo(workspace: Workspace) -> Demo | None:
    agent = demo_agents().filter(workspace=workspace).first()
    return Demo.of(agent) if agent else None


@transaction.atomic
def build(workspace: Workspace) -> Demo:
    """The workspace's demo agent, environment and memory store; made once, with a seed drawn now."""
    Workspace.objects.filter(pk=workspace.pk).update(name=F("name"))  # one builder at a time, by the row's lock
    if demo := find_demo(workspace):
        return demo
    actor = platform(workspace)
    environment = create_environment({"name": ENVIRONMENT_NAME, "config": CONFIG}, actor=actor)
    store = create_store(workspace, name=STORE_NAME, description="What the demo agent learnt about its programs")
    create_memory(store, path=INDEX_PATH, content=render_index({}, max_lines=INDEX_MAX_LINES), actor=actor)
    kept = {MARK: "generated tasks", SEED: secrets.token_hex(8), ENVIRONMENT: environment.pk, STORE: store.pk}
    body = {
        "name": AGENT_NAME,
        "description": "Runs generated programs on generated files. Practice model, generated tasks.",
        "model": MODEL,
        "system": SYSTEM,
        "tools": [{"type": "agent_toolset_20260401"}],
        "metadata": kept,
    }
    agent = create_agent(body, actor=actor)
    nightly = {"name": POLICY_NAME, "agent_id": agent.pk, "memory_store_id": store.pk}
    create_policy(nightly, actor=actor)
    return Demo.of(agent)


def run_again(demo: Demo) -> int:
    """Make the sessions of the next round, on fresh tasks of the same world, unless a round is under way; its number.
    They start with the next `advance`."""
    number = demo.latest_round
    if number == 0 or next_step(demo, number) is Step.NOTHING:
        number += 1
    make_sessions(demo, number)
    return number


class Step(StrEnum):
    MAKE = "make"  # the round has no sessions yet
    START = "start"  # some sessions were sent nothing
    WAIT = "wait"  # agents are at work
    CHECK = "check"  # some sessions have no verdict
    DREAM = "dream"  # the first round was judged, and nothing was learnt from it yet
    NOTHING = "nothing"


def next_step(demo: Demo, number: int) -> Step:
    sessions = demo.sessions(number)
    if not sessions.exists():
        return Step.MAKE
    live = sessions.filter(archived_at=None)
    if live.filter(next_position=1).exists():
        return Step.START
    busy = (SessionStatus.RUNNING, SessionStatus.RESCHEDULING)
    if live.filter(status__in=busy).exists() or InboxEvent.objects.filter(session__in=live).exists():
        return Step.WAIT
    if live.filter(verdict=None).exists():
        return Step.CHECK
    return Step.DREAM if number == 1 and live.exists() and not demo.dreams().exists() else Step.NOTHING


def advance(demo: Demo, number: int, *, base_url: str) -> Step:
    """Do what the round still lacks, up to where only agents can go on; returns where it stands."""
    while (step := next_step(demo, number)) not in (Step.WAIT, Step.NOTHING):
        if step is Step.MAKE:
            make_sessions(demo, number)
        elif step is Step.START:
            start_sessions(demo, number)
        elif step is Step.DREAM:
            start_dream(demo)
        else:
            check(demo, number, base_url=base_url)
    return step


# The steps


@transaction.atomic
def make_sessions(demo: Demo, number: int) -> None:
    """All sessions of a round or none: whoever finds one of them need not look for the rest."""
    Agent.objects.filter(pk=demo.agent.pk).update(name=F("name"))  # one maker at a time, by the row's lock
    if not demo.sessions(number).exists():
        for task in demo.tasks(number).values():
            _create_session(demo, number, task)


def start_sessions(demo: Demo, number: int) -> None:
    tasks, programs = demo.tasks(number), program_files(demo.world)
    for session in demo.sessions(number).filter(next_position=1, archived_at=None):
        _start(session, tasks[session.metadata[TASK]], programs)


def _create_session(demo: Demo, number: int, task: Task) -> Session:
    metadata = {demo.workspace.principal_key: task.principal, ROUND: str(number), TASK: task.key}
    body = {
        "agent": demo.agent.pk,
        "environment_id": demo.environment_id,
        "title": task.text.replace("`", "").replace(f"{demo.world.root}/bin/", "").replace(f"{demo.world.root}/", ""),
        "metadata": metadata,
        "resources": [{"type": "memory_store", "memory_store_id": demo.store_id, "access": "read_only"}],
    }
    return create_session(body, actor=platform(demo.workspace))


def _start(session: Session, task: Task, programs: dict[str, str]) -> None:
    """Lay the task's files, then send its text; whoever claims the untouched row first sends it, and nobody twice."""
    sandbox().put_files(session.pk, {path: text.encode() for path, text in {**programs, **task.files}.items()})
    with transaction.atomic():
        if Session.objects.filter(pk=session.pk, next_position=1).update(updated_at=timezone.now()):
            message = {"type": "user.message", "content": [{"type": "text", "text": task.text}]}
            send_events(session, [message], actor=platform(session.workspace))


def check(demo: Demo, number: int, *, base_url: str) -> None:
    """Have the checker, a process of its own with a key of its own, judge the sessions that have no verdict."""
    salt, tasks = secrets.token_hex(16), demo.tasks(number)
    expected = {
        session.pk: answer_hash(salt, session.pk, tasks[session.metadata[TASK]].answer)
        for session in demo.sessions(number).filter(verdict=None, archived_at=None)
    }
    key, text = issue_api_key(demo.workspace, f"demo checker, round {number}", scopes=[Scope.READ, Scope.WRITE])
    try:
        run_checker({"base_url": base_url, "api_key": text, "salt": salt, "expected": expected})
    finally:
        revoke_api_key(key)
    for session_id in expected:
        # A judged task is over: its open box would hold memory for a quarter of an hour. Its files stay.
        with suppress(DomainError):
            sandbox().release(session_id)


@transaction.atomic
def start_dream(demo: Demo) -> None:
    """A dream over the first round, failures included: what failed everywhere is worth knowing, too."""
    Agent.objects.filter(pk=demo.agent.pk).update(name=F("name"))  # one starter at a time, by the row's lock
    if not demo.dreams().exists():
        sessions = [session.pk for session in demo.sessions(1).filter(archived_at=None)]
        create_dream(
            actor=platform(demo.workspace),
            store_id=demo.store_id,
            session_ids=sessions,
            model=MODEL,
            policy=DreamPolicy.objects.live().filter(agent=demo.agent).first(),  # tonight it need not read them again
        )


def run_checker(order: dict[str, Any]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "dreams.demo.checker"],
        input=json.dumps(order),
        capture_output=True,
        text=True,
        cwd=settings.BASE_DIR,
        env={"PATH": os.environ.get("PATH", ""), "LANG": "C.UTF-8"},
        timeout=CHECKER_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        reason = done.stderr.strip().splitlines()[-1:] or ["no reason given"]
        raise Unavailable(f"The demo's checker could not judge every session: {reason[0]}")
