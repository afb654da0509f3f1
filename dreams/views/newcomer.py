"""The way of a newcomer: the workspace's demo, and the steps from the first agent to the round that shows an effect."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, QuerySet, Subquery
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
    done = _done(workspace, demo)
    steps = [*_steps(done), *([_run_again(demo, done)] if demo else [])]
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


def _done(workspace: Workspace, demo: Agent | None) -> dict[str, bool]:
    """What the steps look at; one query."""
    rows: dict[str, QuerySet[Any]] = {
        "has_agent": Agent.objects.in_workspace(workspace).filter(is_internal=False),
        "has_session": Session.objects.in_workspace(workspace).exclude(kind=SessionKind.DREAM),
        "has_store": MemoryStore.objects.in_workspace(workspace),
        "has_dream": Dream.objects.in_workspace(workspace).filter(status=DreamStatus.COMPLETED),
        "has_decision": Decision.objects.in_workspace(workspace),
    }
    if demo:
        store = demo.metadata.get(DEMO_STORE_KEY, "")
        approved = Decision.objects.in_workspace(workspace).filter(verb__in=APPROVALS, proposal__store=store)
        since = approved.order_by("created_at").values("created_at")[:1]
        rows["has_more"] = Session.objects.filter(agent=demo, created_at__gt=Subquery(since))
    questions = {name: Exists(found) for name, found in rows.items()}
    answers = Workspace.objects.filter(pk=workspace.pk).values_list(*questions.values()).get()
    return dict(zip(questions, answers, strict=True))


def _steps(done: dict[str, bool]) -> list[Step]:
    return [
        Step(
            done=done["has_agent"],
            title="Create an agent",
            text="On a page, with a name and a model, or by a program with the official SDK and an API key.",
            url=reverse("agents"),
            action="Agents",
        ),
        Step(
            done=done["has_session"],
            title="Let it work, or import what it did elsewhere",
            text="Start a session on the agent's page. manage.py import_sessions FILE --agent NAME reads OpenAI and "
            "Anthropic transcripts.",
            url=reverse("sessions"),
            action="Sessions",
        ),
        Step(
            done=done["has_store"],
            title="Give it a memory store",
            text="Working memory is what agents and dreams may write.",
            url=reverse("memory"),
            action="Memory",
        ),
        Step(
            done=done["has_dream"],
            title="Dream over finished sessions",
            text="A dream reads them and proposes single changes, each with its evidence.",
            url=reverse("dream-new"),
            action="Start a dream",
        ),
        Step(
            done=done["has_decision"],
            title="Decide on the first proposal",
            text="Approved changes are what the next session starts from. Every one can be undone.",
            url=reverse("inbox"),
            action="Inbox",
        ),
    ]


def _run_again(demo: Agent, done: dict[str, bool]) -> Step:
    """Done once sessions began that could read something approved."""
    return Step(
        done=done["has_more"],
        title="Run the tasks again",
        text="Fresh tasks of the same kind, now with what you approved. The agent's page compares before and after.",
        url=reverse("agent", args=[demo.pk]),
        action="Open the demo agent",
    )
