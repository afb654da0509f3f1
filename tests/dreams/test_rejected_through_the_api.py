"""What was turned down with a key stays turned down."""

from agents.actors import Actor
from agents.models import Scope
from agents.services.api_keys import issue_api_key
from dreams import reviewing
from dreams.changes import Change
from dreams.gate import REVIEW, Ruling
from dreams.outcome import Judged, without_rejected
from memory.models import MemoryStore
from tests.dreams.test_decide_on_proposals import NEW, PATH, propose, store

__all__ = ["store"]  # a fixture


def test_a_rejection_with_a_key_is_remembered_by_the_next_dream(actor: Actor, store: MemoryStore) -> None:
    program = Actor(workspace=actor.workspace, api_key=issue_api_key(actor.workspace, "a key", scopes=list(Scope))[0])
    proposal = propose(actor, store, "add", NEW)
    reviewing.reject_proposal(proposal, actor=program, reason="It is wrong.")
    again = Judged(
        change=Change(op="add", topic="workaround", path=PATH, entry_id="w-cccc", after=NEW),
        ruling=Ruling(lane=REVIEW, reasons=(), findings=()),
    )
    assert without_rejected(proposal.review.dream, [again]) == ([], 1)
