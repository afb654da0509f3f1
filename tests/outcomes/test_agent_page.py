"""The agent page: where before and after part, what counts, and what may be said."""

from datetime import timedelta

import pytest
from django.test import Client

from agents.actors import Actor
from agents.models import Agent, Session, SessionResource
from dreams import reviewing
from memory.models import MemoryStore, MemoryVersion
from outcomes.metrics import agent_outcome, glances
from tests.pages.reviews import make_proposal, make_session, make_store


@pytest.fixture
def store(actor: Actor) -> MemoryStore:
    return make_store(actor)


@pytest.fixture
def agent(actor: Actor, store: MemoryStore) -> Agent:
    """One session before memory changed, mounting the store; it is completed."""
    session = make_session(actor)
    SessionResource.objects.create(
        session=session, kind="memory_store", target_id=store.pk, created_at=session.created_at
    )
    return session.agent


def after(agent: Agent, actor: Actor, verdict: str | None, number: int = 1) -> None:
    change = MemoryVersion.objects.exclude(proposal_id=None).order_by("created_at")[0]
    template = Session.objects.filter(agent=agent)[0]
    for position in range(number):
        copy = Session.objects.get(pk=template.pk)
        copy._state.adding, copy.pk = True, f"sesn_{verdict}_{position}"
        copy.verdict, copy.created_at = verdict, change.created_at + timedelta(seconds=position + 1)
        copy.save(force_insert=True)


def test_until_memory_changes_there_is_nothing_to_compare(as_bob: Client, agent: Agent) -> None:
    assert "Memory has not changed yet" in as_bob.get(f"/agents/{agent.pk}/").content.decode()


def test_the_first_promotion_parts_before_from_after(actor: Actor, agent: Agent, store: MemoryStore) -> None:
    reviewing.approve_proposal(make_proposal(actor, store), actor=actor)
    after(agent, actor, "completed", 3)
    after(agent, actor, "failed", 1)
    outcome = agent_outcome(agent)
    assert [(side.rate.successes, side.rate.total) for side in (outcome.before, outcome.after)] == [(1, 1), (3, 4)]


def test_a_change_to_a_store_that_it_never_mounts_is_no_change(actor: Actor, agent: Agent) -> None:
    other = make_store(actor)
    reviewing.approve_proposal(make_proposal(actor, other), actor=actor)
    assert agent_outcome(agent).first_change is None


def test_an_escalated_session_is_not_completed(actor: Actor, agent: Agent) -> None:
    Session.objects.filter(agent=agent).update(escalated_at=agent.created_at)
    before = agent_outcome(agent).before
    assert (before.rate.successes, before.rate.total, before.escalated) == (0, 1, 1)


def test_sessions_without_a_verdict_count_on_neither_side(actor: Actor, agent: Agent) -> None:
    Session.objects.filter(agent=agent).update(verdict=None)
    outcome = agent_outcome(agent)
    assert (outcome.before.rate.total, outcome.unjudged) == (0, 1)


def test_the_page_says_too_few_and_has_the_numbers_as_a_table(
    as_bob: Client, actor: Actor, agent: Agent, store: MemoryStore
) -> None:
    reviewing.approve_proposal(make_proposal(actor, store), actor=actor)
    after(agent, actor, "completed", 3)
    page = as_bob.get(f"/agents/{agent.pk}/").content.decode()
    assert "Too few sessions to tell: 1 on the smaller side" in page
    assert '<td class="num">3 of 3</td>' in page
    assert 'role="img"' in page


def test_a_clear_gain_is_said(as_bob: Client, actor: Actor, agent: Agent, store: MemoryStore) -> None:
    reviewing.approve_proposal(make_proposal(actor, store), actor=actor)
    first = MemoryVersion.objects.exclude(proposal_id=None).order_by("created_at")[0].created_at
    after(agent, actor, "failed", 30)
    Session.objects.filter(verdict="failed").update(created_at=first - timedelta(days=1))
    after(agent, actor, "completed", 30)
    assert "More sessions are completed since memory changed" in as_bob.get(f"/agents/{agent.pk}/").content.decode()


def test_only_the_demo_agent_offers_to_run_its_tasks_again(as_rita: Client, agent: Agent) -> None:
    assert "Run the tasks again" not in as_rita.get(f"/agents/{agent.pk}/").content.decode()
    Agent.objects.filter(pk=agent.pk).update(metadata={"demo": "1"})
    page = as_rita.get(f"/agents/{agent.pk}/").content.decode()
    assert "Run the tasks again" in page
    assert "Practice model, generated tasks." in page


def test_a_stranger_finds_no_agent(as_charlie: Client, agent: Agent) -> None:
    assert as_charlie.get(f"/agents/{agent.pk}/").status_code == 404


def test_an_agent_shows_what_a_completed_session_costs(as_bob: Client, actor: Actor) -> None:
    sessions = [make_session(actor) for _ in range(2)]
    counters = {"input_tokens": 1_000_000, "output_tokens": 0}
    Session.objects.filter(pk__in=[session.pk for session in sessions]).update(
        spent={"2026-11-01": {"claude-opus-5": counters}}, agent=sessions[0].agent, verdict="failed"
    )
    Session.objects.filter(pk=sessions[0].pk).update(verdict="completed")
    html = as_bob.get(f"/agents/{sessions[0].agent_id}/").content.decode()
    assert "$5.00" in html
    assert "$10.00" in html


@pytest.mark.parametrize("has_changed", [False, True])
def test_a_glance_at_several_agents_says_what_each_outcome_says(
    actor: Actor, agent: Agent, store: MemoryStore, has_changed: bool
) -> None:
    if has_changed:
        reviewing.approve_proposal(make_proposal(actor, store), actor=actor)
        after(agent, actor, "completed", 3)
        after(agent, actor, "failed", 2)
    outcome, [(same, glance)] = agent_outcome(agent), glances([agent])
    assert same == agent
    assert (glance.before, glance.after) == (outcome.before.rate, outcome.after.rate)
    assert glance.sentence == outcome.sentence
