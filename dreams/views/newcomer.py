"""The way of a newcomer: the workspace's demo, and the steps from the first agent to the round that shows an effect."""

from dataclasses import dataclass
from typing import Any

from django.urls import reverse

from agents.models import Agent, Session, SessionKind, Workspace
from dreams.models import Decision, Dream, DreamStatus
from memory.models import MemoryStore
from outcomes.views import DEMO_KEY

DEMO_STORE_KEY = "demo_store"  # member of the demo agent's metadata
APPROVALS = (Decision.Verb.APPROVE, Decision.Verb.EDIT, Decision.Verb.AUTO)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of the first use."""

    done: bool
    title: str
    text: str
    url: str
    action: str


def demo_agent(workspace: Workspace) -> Agent | None:
    """The workspace's demo agent, if it has one."""
    found = Agent.objects.in_workspace(workspace).filter(metadata__has_key=DEMO_KEY, archived_at=None)
    return found.order_by("created_at", "pk").first()


def demo_of_store(workspace: Workspace, store_id: str) -> Agent | None:
    """The demo agent, where the store is the demo's own."""
    agent = demo_agent(workspace)
    return agent if agent and agent.metadata.get(DEMO_STORE_KEY) == store_id else None


def first_steps(workspace: Workspace, demo: Agent | None) -> list[Step]:
    """The steps with their state; none once all are done."""
    steps = [*_steps(workspace), *([_run_again(demo)] if demo else [])]
    return [] if all(step.done for step in steps) else steps


def guidance(steps: list[Step], *, waiting: int) -> dict[str, Any]:
    """What leads on: the first open step, and whether the list may stand back behind what waits for a decision."""
    ahead = next((step for step in steps if not step.done), None)
    done = sum(step.done for step in steps)
    return {
        "steps": steps,
        "steps_done": done,
        "ahead": ahead,
        "steps_stand_back": bool(waiting) and done * 2 > len(steps),
    }


def _steps(workspace: Workspace) -> list[Step]:
    has_session = Session.objects.in_workspace(workspace).exclude(kind=SessionKind.DREAM).exists()
    return [
        Step(
            done=Agent.objects.in_workspace(workspace).filter(is_internal=False).exists(),
            title="Create an agent",
            text="With the official SDK and an API key of this server.",
            url=reverse("agents"),
            action="Agents",
        ),
        Step(
            done=has_session,
            title="Let it work, or import what it did elsewhere",
            text="manage.py import_sessions FILE --agent NAME reads OpenAI and Anthropic transcripts.",
            url=reverse("sessions"),
            action="Sessions",
        ),
        Step(
            done=MemoryStore.objects.in_workspace(workspace).exists(),
            title="Give it a memory store",
            text="Working memory is what agents and dreams may write.",
            url=reverse("memory"),
            action="Memory",
        ),
        Step(
            done=Dream.objects.in_workspace(workspace).filter(status=DreamStatus.COMPLETED).exists(),
            title="Dream over finished sessions",
            text="A dream reads them and proposes single changes, each with its evidence.",
            url=reverse("dream-new"),
            action="Start a dream",
        ),
        Step(
            done=Decision.objects.in_workspace(workspace).exists(),
            title="Decide on the first proposal",
            text="Approved changes are what the next session starts from. Every one can be undone.",
            url=reverse("inbox"),
            action="Inbox",
        ),
    ]


def _run_again(demo: Agent) -> Step:
    """Done once sessions began that could read something approved."""
    approved = Decision.objects.in_workspace(demo.workspace).filter(
        verb__in=APPROVALS, proposal__store=demo.metadata.get(DEMO_STORE_KEY, "")
    )
    since = approved.order_by("created_at").values_list("created_at", flat=True).first()
    return Step(
        done=bool(since) and Session.objects.filter(agent=demo, created_at__gt=since).exists(),
        title="Run the tasks again",
        text="Fresh tasks of the same kind, now with what you approved. The agent's page compares before and after.",
        url=reverse("agent", args=[demo.pk]),
        action="Open the demo agent",
    )
