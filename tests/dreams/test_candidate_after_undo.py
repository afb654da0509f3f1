"""A candidate copy is open to sessions only while everything in it stands approved."""

from agents.actors import Actor
from dreams import reviewing
from memory.models import MemoryStore
from memory.services import create_store
from tests.dreams.test_decide_on_proposals import NEW, propose, store

__all__ = ["store"]  # a fixture


def test_what_is_taken_back_closes_the_candidate_until_it_is_approved_again(actor: Actor, store: MemoryStore) -> None:
    proposal = propose(actor, store, "add", NEW)
    review = proposal.review
    candidate = create_store(actor.workspace, name="Notes (dream)", unreviewed_review_id=review.pk)
    review.dream.output_store_id = candidate.pk
    review.dream.save(update_fields=["output_store_id"])
    reviewing.approve_proposal(proposal, actor=actor)
    assert marked(candidate) is None
    reviewing.undo_decision(proposal, actor=actor)
    assert marked(candidate) == review.pk
    reviewing.approve_proposal(proposal, actor=actor)
    assert marked(candidate) is None


def marked(store: MemoryStore) -> str | None:
    """Which review still keeps the store from being attached."""
    store.refresh_from_db()
    return store.unreviewed_review_id
