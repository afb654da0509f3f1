"""Going through the proposals of one dream alone: its next one follows each decision, and its end is said."""

import pytest
from django.test import Client

from agents.actors import Actor
from dreams.models import Proposal
from tests.pages.reviews import NEW, add_evidence, make_proposal, make_session, make_store, seen

HTMX = {"HX-Request": "true", "HX-Target": "review"}


@pytest.fixture
def mine(actor: Actor) -> list[Proposal]:
    """Two proposals of one dream, in the order of review."""
    store = make_store(actor)
    texts = [NEW, NEW.replace("cc", "dd")]
    return [make_proposal(actor, store, after=text, risk_rank=rank) for text, rank in zip(texts, (2, 0), strict=True)]


@pytest.fixture
def other(actor: Actor) -> Proposal:
    """What another dream proposed; the queue of all dreams has it between the two."""
    return make_proposal(actor, make_store(actor), risk_rank=1)


def dream_of(proposal: Proposal) -> str:
    return proposal.review.dream_id


def within(proposal: Proposal, verb: str = "") -> str:
    return f"/proposals/{proposal.pk}/{verb}?dream={dream_of(proposal)}"


def test_after_a_decision_the_dreams_next_proposal_follows(
    as_rita: Client, mine: list[Proposal], other: Proposal
) -> None:
    first, second = mine
    response = as_rita.post(within(first, "approve/"), seen(first))
    assert response["Location"] == within(second)
    assert "Approved. 1 of this dream left." in as_rita.get(within(second)).content.decode()


def test_htmx_stays_within_the_dream_as_well(as_rita: Client, mine: list[Proposal], other: Proposal) -> None:
    first, second = mine
    response = as_rita.post(within(first, "approve/"), seen(first), headers=HTMX)
    assert response["HX-Push-Url"] == within(second)
    assert f'hx-post="{within(second, "approve/")}"' in response.content.decode()


def test_the_neighbours_are_the_dreams_own(as_rita: Client, mine: list[Proposal], other: Proposal) -> None:
    assert f'href="{within(mine[1])}" data-key="j"' in as_rita.get(within(mine[0])).content.decode()
    assert f'href="/proposals/{other.pk}/" data-key="j"' in as_rita.get(f"/proposals/{mine[0].pk}/").content.decode()


def test_at_the_dreams_end_the_rest_is_offered(as_rita: Client, mine: list[Proposal], other: Proposal) -> None:
    as_rita.post(within(mine[0], "approve/"), seen(mine[0]))
    page = as_rita.post(within(mine[1], "approve/"), seen(mine[1]), follow=True).content.decode()
    assert "Approved. Nothing else of this dream waits." in page
    assert "Nothing more of this dream waits" in page
    assert f'href="/proposals/{other.pk}/">Review the rest</a>' in page


def test_from_the_filtered_inbox_one_goes_into_that_dream(
    as_rita: Client, mine: list[Proposal], other: Proposal
) -> None:
    page = as_rita.get(f"/inbox/?dream={dream_of(other)}").content.decode()
    assert f'href="{within(other)}">Start reviewing</a>' in page
    rows = as_rita.get(
        f"/inbox/?dream={dream_of(other)}", headers={"HX-Request": "true", "HX-Target": "inbox-rows"}
    ).content.decode()
    assert f'href="{within(other)}">Start reviewing</a>' in rows


def test_a_decision_in_the_filtered_inbox_stays_there(as_rita: Client, mine: list[Proposal], other: Proposal) -> None:
    first, second = mine
    headers = {"HX-Request": "true", "HX-Target": "proposal-row"}
    row = as_rita.post(within(first, "approve/"), {**seen(first), "place": "row"}, headers=headers).content.decode()
    assert f'href="{within(second)}">Start reviewing</a>' in row


def test_undoing_in_the_filtered_inbox_comes_back_to_it(as_rita: Client, mine: list[Proposal], other: Proposal) -> None:
    as_rita.post(within(mine[0], "approve/"), seen(mine[0]))
    response = as_rita.post(within(mine[0], "undo/"), {"back": "inbox"})
    assert response["Location"] == f"/inbox/?dream={dream_of(mine[0])}"


def test_another_dream_in_the_address_means_nothing(as_rita: Client, mine: list[Proposal], other: Proposal) -> None:
    address = f"/proposals/{mine[0].pk}/approve/?dream={dream_of(other)}"
    assert as_rita.post(address, seen(mine[0]))["Location"] == f"/proposals/{other.pk}/"


def test_the_way_back_from_a_session_stays_within_the_dream(as_rita: Client, actor: Actor, other: Proposal) -> None:
    session = make_session(actor)
    add_evidence(other, session)
    asked = f"proposal={other.pk}&amp;dream={dream_of(other)}"
    assert f"/sessions/{session.pk}/?{asked}" in as_rita.get(within(other)).content.decode()
    page = as_rita.get(f"/sessions/{session.pk}/?{asked.replace('&amp;', '&')}").content.decode()
    assert f'href="{within(other)}"' in page
