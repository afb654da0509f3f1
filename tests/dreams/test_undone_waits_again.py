"""What was approved and taken back waits again, to be approved, edited or rejected, unless something came after it."""

import pytest

from agents.actors import Actor
from agents.models import Member
from dreams import inbox, reviewing
from dreams.exceptions import ReviewConflict
from dreams.models import Decision, Dream, Proposal, ProposalStatus, Review
from memory.models import MemoryStore, MemoryVersion
from tests.dreams.dreaming import files_in
from tests.dreams.test_decide_on_proposals import FILE, NEW, OLD, PATH, propose, store, write

__all__ = ["store"]  # a fixture


def undone(proposal: Proposal, actor: Actor) -> Proposal:
    reviewing.approve_proposal(proposal, actor=actor)
    return reviewing.undo_decision(proposal, actor=actor)


def test_it_is_in_the_inbox_again_and_nobody_has_decided_it(actor: Actor, store: MemoryStore) -> None:
    proposal = undone(propose(actor, store, "add", NEW), actor)
    assert list(inbox.pending(actor.workspace)) == [proposal]
    assert (proposal.decided_by, proposal.decided_at, proposal.applied) == (None, None, None)
    assert files_in(store)[PATH] == FILE


def test_it_can_be_rejected_and_that_taken_back_too(actor: Actor, store: MemoryStore) -> None:
    proposal = undone(propose(actor, store, "supersede", OLD + " now", "w-aaaa"), actor)
    assert reviewing.reject_proposal(proposal, actor=actor, reason_code="other").status == ProposalStatus.REJECTED
    assert reviewing.undo_decision(proposal, actor=actor).status == ProposalStatus.PENDING


def test_it_can_be_edited_and_approved(actor: Actor, store: MemoryStore) -> None:
    proposal = undone(propose(actor, store, "add", NEW), actor)
    reviewing.edit_and_approve(proposal, "when `zorp` fails → add `--mine`", actor=actor)
    assert "--mine" in files_in(store)[PATH]


def test_the_reviewers_own_words_are_kept(actor: Actor, store: MemoryStore) -> None:
    proposal = propose(actor, store, "add", NEW)
    reviewing.edit_and_approve(proposal, "when `zorp` fails → add `--mine`", actor=actor)
    proposal = reviewing.undo_decision(proposal, actor=actor)
    assert "--mine" in proposal.text


def test_every_step_and_every_version_stays_on_record(actor: Actor, store: MemoryStore) -> None:
    proposal = undone(propose(actor, store, "add", NEW), actor)
    rows = Decision.objects.filter(proposal=proposal)
    assert [(row.verb, row.from_status, row.to_status) for row in rows] == [
        ("approve", "pending", "approved"),
        ("apply", "approved", "applied"),
        ("undo", "applied", "pending"),
    ]
    versions = [pk for row in rows for pk in row.memory_version_ids]
    assert MemoryVersion.objects.filter(pk__in=versions, proposal_id=proposal.pk).count() == len(versions) == 4


def test_another_persons_approval_waits_for_both_again(actor: Actor, rita: Member, store: MemoryStore) -> None:
    proposal = reviewing.approve_proposal(propose(actor, store, "add", NEW), actor=actor)
    undone_by = Actor(workspace=rita.workspace, member=rita)
    assert reviewing.undo_decision(proposal, actor=undone_by).status == ProposalStatus.PENDING


def test_what_was_undone_over_somebodys_later_text_stays_reverted_and_can_be_rejected(
    actor: Actor, store: MemoryStore
) -> None:
    proposal = reviewing.approve_proposal(propose(actor, store, "add", NEW), actor=actor)
    write(store, files_in(store)[PATH].replace("--compat", "--theirs"), actor)
    with pytest.raises(ReviewConflict):
        reviewing.undo_decision(proposal, actor=actor)
    assert reviewing.undo_decision(proposal, actor=actor, overwrite=True).status == ProposalStatus.REVERTED
    assert reviewing.reject_proposal(proposal, actor=actor, reason_code="other").status == ProposalStatus.REJECTED


def test_it_does_not_stand_beside_a_later_dreams_proposal_of_the_same_case(actor: Actor, store: MemoryStore) -> None:
    proposal = reviewing.approve_proposal(propose(actor, store, "add", NEW, support={"case": "c"}), actor=actor)
    later = propose(actor, store, "supersede", OLD + " now", "w-aaaa", support={"case": "c"})
    dream = Dream.objects.create(
        workspace=actor.workspace, input_store_id=store.pk, input_session_ids=["sesn_2"], model={"id": "m"},
        status="completed",
    )  # fmt: skip
    later.review = Review.objects.create(workspace=actor.workspace, dream=dream, store=store)
    later.save(update_fields=["review"])
    assert reviewing.undo_decision(proposal, actor=actor).status == ProposalStatus.REVERTED
    assert list(inbox.pending(actor.workspace)) == [later]
