"""A later dream's proposal takes the place of an older one that waits, unless the newer one cannot be trusted."""

import pytest

from agents.actors import Actor
from dreams.changes import Change
from dreams.entries import parse_file
from dreams.gate import AUTO, QUARANTINE, REJECTED, REVIEW, Ruling
from dreams.models import Dream, ProposalStatus
from dreams.outcome import Judged, write_review
from memory.models import MemoryStore
from tests.dreams.test_decide_on_proposals import FILE, OLD, PATH, propose, store

__all__ = ["store"]  # a fixture


@pytest.mark.parametrize(
    ("older", "newer", "status"),
    [
        (REVIEW, REVIEW, ProposalStatus.SUPERSEDED),
        (REVIEW, AUTO, ProposalStatus.SUPERSEDED),
        (REVIEW, QUARANTINE, ProposalStatus.PENDING),
        (REVIEW, REJECTED, ProposalStatus.PENDING),
        (QUARANTINE, QUARANTINE, ProposalStatus.SUPERSEDED),
        (QUARANTINE, REVIEW, ProposalStatus.SUPERSEDED),
        (QUARANTINE, REJECTED, ProposalStatus.PENDING),
    ],
)
def test_only_a_newer_proposal_of_the_same_trust_takes_the_place(
    actor: Actor, store: MemoryStore, older: str, newer: str, status: str
) -> None:
    waiting = propose(actor, store, "supersede", OLD + " one", "w-aaaa", lane=older)
    entry = parse_file(PATH, FILE).find("w-aaaa")
    assert entry is not None
    change = Change(
        op="supersede", topic="workaround", path=PATH, entry_id="w-aaaa", targets=(entry,), after=OLD + " two"
    )
    dream = Dream.objects.create(
        workspace=actor.workspace, input_store_id=store.pk, input_session_ids=["sesn_1"], model={"id": "m"}
    )
    write_review(dream, "rev_2", [Judged(change=change, ruling=Ruling(lane=newer, reasons=(), findings=()))], actor)
    waiting.refresh_from_db()
    assert waiting.status == status
