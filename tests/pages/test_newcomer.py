"""A newcomer's way through the demo: what it is, what comes next, and when the first steps are done."""

from typing import Any

import pytest
from django.test import Client

from agents.actors import Actor
from agents.models import Agent, Session
from dreams import reviewing
from dreams.models import Proposal
from memory.models import MemoryStore
from tests.pages.reviews import make_proposal, make_session, make_store, seen

WHAT = "programs with invented names"


@pytest.fixture
def session(actor: Actor) -> Session:
    return make_session(actor)


@pytest.fixture
def store(actor: Actor) -> MemoryStore:
    return make_store(actor)


@pytest.fixture
def demo(session: Session, store: MemoryStore) -> Agent:
    """The session's agent, marked as the demo is."""
    Session.objects.update(is_practice=True)
    Agent.objects.filter(pk=session.agent_id).update(metadata={"demo": "generated tasks", "demo_store": store.pk})
    return Agent.objects.get(pk=session.agent_id)


@pytest.fixture
def proposal(actor: Actor, store: MemoryStore) -> Proposal:
    return make_proposal(actor, store)


def test_the_demo_says_what_it_is(as_rita: Client, demo: Agent, proposal: Proposal) -> None:
    pages = [as_rita.get(address).content.decode() for address in ("/", "/inbox/", f"/proposals/{proposal.pk}/")]
    assert [WHAT in page and f"/agents/{demo.pk}/" in page for page in pages] == [True] * 3


def test_another_stores_proposal_is_not_called_the_demos(as_rita: Client, demo: Agent, actor: Actor) -> None:
    Agent.objects.filter(pk=demo.pk).update(metadata={"demo": "generated tasks", "demo_store": "memstore_other"})
    other = make_proposal(actor, make_store(actor))
    assert WHAT not in as_rita.get(f"/proposals/{other.pk}/").content.decode()


def test_first_steps_stand_back_while_something_waits(as_rita: Client, demo: Agent, proposal: Proposal) -> None:
    page = as_rita.get("/").content.decode()
    assert page.index("Your turn") < page.index("First steps")
    assert "4 of 6 done" in page


def test_after_the_last_decision_home_and_inbox_lead_on(as_rita: Client, demo: Agent, proposal: Proposal) -> None:
    as_rita.post(f"/proposals/{proposal.pk}/approve/", seen(proposal))
    for address in ("/", "/inbox/"):
        page = as_rita.get(address).content.decode()
        assert f'class="button button-main" href="/agents/{demo.pk}/"' in page
    assert "5 of 6 done" in as_rita.get("/").content.decode()


def test_first_steps_end_with_a_round_after_an_approval(
    as_rita: Client, actor: Actor, demo: Agent, session: Session, proposal: Proposal
) -> None:
    reviewing.approve_proposal(proposal, actor=actor)
    later = make_session(actor)
    Session.objects.filter(pk=later.pk).update(agent=demo)
    assert "First steps" not in as_rita.get("/").content.decode()


def test_without_a_demo_nothing_speaks_of_it(as_rita: Client, proposal: Proposal) -> None:
    page = as_rita.get("/").content.decode()
    assert (WHAT in page, "Run the tasks again" in page) == (False, False)


def test_a_round_under_way_is_not_started_again(as_rita: Client, demo: Agent, session: Session) -> None:
    button = '<button class="button button-main"'
    assert f"{button}>" in as_rita.get(f"/agents/{demo.pk}/").content.decode()
    Session.objects.filter(pk=session.pk).update(status="running")
    page = as_rita.get(f"/agents/{demo.pk}/").content.decode()
    assert f"{button} disabled" in page
    assert "1 task is running" in page
    headers = {"HX-Request": "true", "HX-Target": "outcome"}
    part = as_rita.get(f"/agents/{demo.pk}/", headers=headers).content.decode()
    assert 'id="run-again"' in part
    assert 'hx-swap-oob="true"' in part


def test_home_asks_the_database_a_bounded_number_of_times(
    as_rita: Client, demo: Agent, proposal: Proposal, actor: Actor, django_assert_max_num_queries: Any
) -> None:
    for number in range(3):
        make_session(actor)
        Agent.objects.exclude(pk=demo.pk).update(name=f"One of {number}")
    as_rita.get("/")
    with django_assert_max_num_queries(20):
        assert "Is memory helping?" in as_rita.get("/").content.decode()
