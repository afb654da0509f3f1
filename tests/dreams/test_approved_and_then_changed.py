"""Between a decision and its writing the store goes on: what somebody wrote in the meantime is never overwritten."""

from datetime import timedelta

import pytest
from django.utils import timezone

from agents.actors import Actor
from dreams import reviewing
from dreams.models import Decision, Proposal, ProposalStatus
from memory.models import MemoryStore
from tests.dreams.dreaming import current_base, files_in
from tests.dreams.test_decide_on_proposals import FILE, NEW, OLD, PATH, propose, store, write

__all__ = ["store"]  # a fixture


def approve_and_die(proposal: Proposal, actor: Actor) -> None:
    """What a process leaves that was killed before it wrote the store."""
    Proposal.objects.filter(pk=proposal.pk).update(
        status=ProposalStatus.APPROVED,
        decided_by=actor.member,
        updated_at=timezone.now() - timedelta(seconds=60),
    )


@pytest.mark.parametrize(("kind", "after"), [("supersede", OLD + " now"), ("retire", "")])
def test_an_entry_that_changed_after_the_approval_keeps_its_text(
    actor: Actor, store: MemoryStore, kind: str, after: str
) -> None:
    proposal = propose(actor, store, kind, after, "w-aaaa")
    approve_and_die(proposal, actor)
    changed = FILE.replace("--slow", "--agents-own")
    write(store, changed, actor)
    assert reviewing.finish_approved() == 1
    assert files_in(store)[PATH] == changed
    proposal.refresh_from_db()
    assert proposal.status == ProposalStatus.APPLY_FAILED
    assert [decision.verb for decision in proposal.decisions.all()][-1] == Decision.Verb.APPLY_FAILED


def test_an_addition_whose_id_was_taken_after_the_approval_is_not_written_twice(
    actor: Actor, store: MemoryStore
) -> None:
    proposal = propose(actor, store, "add", NEW)
    approve_and_die(proposal, actor)
    write(store, FILE + NEW + "\n", actor)
    reviewing.finish_approved()
    assert files_in(store)[PATH].count(NEW) == 1


def test_moving_an_entry_that_was_changed_since_moves_what_it_says_now(actor: Actor, store: MemoryStore) -> None:
    proposal = propose(actor, store, "move", OLD, "w-aaaa", path="/workarounds/other.md")
    write(store, FILE.replace("--slow", "--agents-own"), actor)
    reviewing.approve_proposal(proposal, actor=actor, base_sha256=current_base(proposal))
    assert OLD.replace("--slow", "--agents-own") in files_in(store)["/workarounds/other.md"]
