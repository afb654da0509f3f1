"""A dream on the running product: its workers, its practice model, its sweeper."""

from typing import Any

import anthropic
import pytest

from agents.actors import Actor
from agents.models import Member, Session
from dreams.models import Dream, Proposal
from tests.chaos.parts import PARTS, find
from tests.dreams import events
from tests.dreams.dreaming import MODEL, session_of, store_of
from tests.stack import Stack, wait_for

SESSIONS = 30


@pytest.fixture(scope="module")
def stack_environment() -> dict[str, str]:
    """A product of its own: its parts are killed here."""
    return {}


@pytest.fixture
def inputs(stack: Stack, alice: Member) -> list[Any]:
    actor = Actor(workspace=alice.workspace, member=alice)
    made = [session_of(actor, events.mended(f"prog{n % 5}"), principal=f"p{n % 3}") for n in range(SESSIONS)]
    return [
        {"type": "memory_store", "memory_store_id": store_of(actor).pk},
        {"type": "sessions", "session_ids": [session.pk for session in made]},
    ]


def ended(sdk: anthropic.Anthropic, dream_id: str) -> Any:
    dream = sdk.beta.dreams.retrieve(dream_id)
    return dream if dream.status not in ("pending", "running") else None


def test_a_dream_runs_in_a_worker_and_can_be_followed(
    live_sdk: anthropic.Anthropic, stack: Stack, inputs: list[Any]
) -> None:
    created = live_sdk.beta.dreams.create(inputs=inputs, model=MODEL)
    dream = wait_for(lambda: ended(live_sdk, created.id), 120)
    assert dream.status == "completed", dream.error
    assert Proposal.objects.filter(review__dream=dream.id).count() == 5
    trace = [event.type for event in live_sdk.beta.sessions.events.list(dream.session_id)]
    assert trace.count("session.thread_created") == SESSIONS + 5
    assert trace[-1] == "session.status_terminated"
    assert dream.session_id not in [session.id for session in live_sdk.beta.sessions.list(include_archived=True)]


def test_a_dream_whose_worker_is_killed_ends_all_the_same(
    live_sdk: anthropic.Anthropic, stack: Stack, inputs: list[Any]
) -> None:
    created = live_sdk.beta.dreams.create(inputs=inputs, model=MODEL)
    wait_for(lambda: Dream.objects.get(pk=created.id).requests.count() > 3 or None, 60)
    wait_for(lambda: find(stack, PARTS["worker"]), 60).kill()
    dream = wait_for(lambda: ended(live_sdk, created.id), 120)
    assert dream.status == "completed", dream.error
    assert Proposal.objects.filter(review__dream=dream.id).count() == 5
    session = Session.objects.get(pk=dream.session_id)
    assert session.events.filter(type="session.status_terminated").count() == 1
