"""Whoever releases a proposal from quarantine cannot approve it, not even with a key."""

import pytest

from agents.actors import Actor
from agents.exceptions import PermissionDenied
from agents.models import ApiKey, Member, Scope
from agents.services.api_keys import issue_api_key
from dreams import reviewing
from dreams.models import Lane, ProposalStatus
from memory.models import MemoryStore
from tests.dreams.dreaming import files_in
from tests.dreams.test_decide_on_proposals import FILE, NEW, PATH, propose, store

__all__ = ["store"]  # a fixture


def key_of(actor: Actor, owner: Member | None = None) -> Actor:
    key = issue_api_key(actor.workspace, "a key", scopes=list(Scope))[0]
    ApiKey.objects.filter(pk=key.pk).update(created_by=owner)
    key.refresh_from_db()
    return Actor(workspace=actor.workspace, api_key=key)


def test_a_key_cannot_approve_what_it_released(actor: Actor, store: MemoryStore) -> None:
    program = key_of(actor)
    proposal = propose(actor, store, "add", NEW, lane=Lane.QUARANTINE)
    reviewing.release_proposal(proposal, actor=program, reason="Looks fine.")
    with pytest.raises(PermissionDenied):
        reviewing.approve_proposal(proposal, actor=program)
    assert files_in(store)[PATH] == FILE


@pytest.mark.parametrize("releases_with_key", [True, False])
def test_a_person_is_no_second_person_with_a_key_of_their_own(
    actor: Actor, store: MemoryStore, releases_with_key: bool
) -> None:
    hands = [key_of(actor, actor.member), actor] if releases_with_key else [actor, key_of(actor, actor.member)]
    proposal = propose(actor, store, "add", NEW, lane=Lane.QUARANTINE)
    reviewing.release_proposal(proposal, actor=hands[0], reason="Looks fine.")
    with pytest.raises(PermissionDenied):
        reviewing.approve_proposal(proposal, actor=hands[1])


def test_another_key_may_approve_it(actor: Actor, store: MemoryStore) -> None:
    proposal = propose(actor, store, "add", NEW, lane=Lane.QUARANTINE)
    reviewing.release_proposal(proposal, actor=key_of(actor), reason="Looks fine.")
    reviewing.approve_proposal(proposal, actor=key_of(actor))
    assert proposal.status == ProposalStatus.APPLIED
