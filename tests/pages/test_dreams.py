"""Dreams and home: what a dream did, how one is started from the page, what the numbers of home count."""

import pytest
from django.test import Client

from agents.actors import Actor
from agents.models import Session, SessionResource
from dreams import reviewing
from dreams.models import Dream
from memory.models import MemoryStore
from tests.pages.reviews import NEW, make_proposal, make_session, make_store, seen


@pytest.fixture
def store(actor: Actor) -> MemoryStore:
    return make_store(actor)


@pytest.fixture
def session(actor: Actor) -> Session:
    return make_session(actor)


def test_a_dream_is_started_from_the_page(
    as_rita: Client, store: MemoryStore, session: Session, clean_redis: str
) -> None:
    form = {"store": store.pk, "sessions": [session.pk], "model": "claude-x", "instructions": ""}
    response = as_rita.post("/dreams/new/", form)
    dream = Dream.objects.get()
    assert response["Location"] == f"/dreams/{dream.pk}/"
    assert (dream.input_store_id, dream.input_session_ids) == (store.pk, [session.pk])


def test_the_form_offers_finished_sessions_with_their_verdict(
    as_rita: Client, store: MemoryStore, session: Session
) -> None:
    page = as_rita.get("/dreams/new/").content.decode()
    assert f'value="{session.pk}" checked' in page
    assert 'value="claude-sonnet-4-6"' in page


def test_a_dream_without_sessions_is_refused_at_the_field(
    as_rita: Client, store: MemoryStore, session: Session
) -> None:
    response = as_rita.post("/dreams/new/", {"store": store.pk, "model": "m"})
    assert response.status_code == 422
    assert "Choose at least one session." in response.content.decode()


def test_a_foreign_store_cannot_be_chosen(as_charlie: Client, store: MemoryStore, session: Session) -> None:
    response = as_charlie.post("/dreams/new/", {"store": store.pk, "sessions": [session.pk], "model": "m"})
    assert response.status_code == 422
    assert not Dream.objects.exists()


def test_a_viewer_starts_no_dream(as_bob: Client) -> None:
    assert as_bob.get("/dreams/new/").status_code == 403


def test_the_page_of_a_dream_counts_lanes_and_outcomes(as_bob: Client, actor: Actor, store: MemoryStore) -> None:
    proposal = make_proposal(actor, store)
    make_proposal(actor, store, lane="quarantine", kind="add")
    page = as_bob.get(f"/dreams/{proposal.review.dream_id}/").content.decode()
    assert "review lane" in page
    assert "quarantine" in page
    assert "Practice model." in page


def test_a_failed_dream_says_what_failed(as_bob: Client, actor: Actor, store: MemoryStore) -> None:
    proposal = make_proposal(actor, store)
    error = {"type": "timeout", "message": "The model endpoint did not answer."}
    Dream.objects.update(status="failed", error=error)
    page = as_bob.get(f"/dreams/{proposal.review.dream_id}/").content.decode()
    assert "The model endpoint did not answer." in page


def test_polling_ends_when_the_dream_has(as_bob: Client, actor: Actor, store: MemoryStore) -> None:
    proposal = make_proposal(actor, store)
    address, headers = f"/dreams/{proposal.review.dream_id}/", {"HX-Request": "true", "HX-Target": "progress"}
    assert as_bob.get(address, headers=headers).status_code == 286
    Dream.objects.update(status="running")
    running = as_bob.get(address, headers=headers)
    assert running.status_code == 200
    assert 'hx-trigger="every 2s"' in running.content.decode()


def test_a_running_dream_can_be_stopped(as_rita: Client, actor: Actor, store: MemoryStore, clean_redis: str) -> None:
    proposal = make_proposal(actor, store)
    Dream.objects.update(status="running")
    as_rita.post(f"/dreams/{proposal.review.dream_id}/cancel/")
    assert Dream.objects.get().status == "canceled"


def test_home_leads_a_newcomer_through_the_first_steps(as_rita: Client) -> None:
    page = as_rita.get("/").content.decode()
    assert "First steps" in page
    assert "Create an agent" in page


def test_home_counts_only_what_was_approved_as_proposed(as_rita: Client, actor: Actor, store: MemoryStore) -> None:
    plain, edited = make_proposal(actor, store), make_proposal(actor, store, after=NEW.replace("cc", "dd"))
    as_rita.post(f"/proposals/{plain.pk}/approve/", seen(plain))
    as_rita.post(f"/proposals/{edited.pk}/edit/", {**seen(edited), "text": "when asked → say so"})
    page = as_rita.get("/").content.decode()
    assert "50 % (1 of 2, 9–91) approved as proposed: too few to tell" in page
    assert "1 after an edit" in page


def test_an_undone_decision_is_no_decision(as_rita: Client, actor: Actor, store: MemoryStore) -> None:
    proposal = reviewing.approve_proposal(make_proposal(actor, store), actor=actor)
    reviewing.undo_decision(proposal, actor=actor)
    assert "No decision yet." in as_rita.get("/").content.decode()


def test_the_form_starts_with_the_store_that_the_sessions_mount(
    as_rita: Client, actor: Actor, store: MemoryStore, session: Session
) -> None:
    other = make_store(actor)
    mount = {"kind": "memory_store", "config": {}, "created_at": session.created_at}
    SessionResource.objects.create(session=session, target_id=other.pk, **mount)
    page = as_rita.get("/dreams/new/").content.decode()
    assert f'value="{other.pk}" selected' in page
    assert "All 1 are ticked." in page
    assert '<option value="claude-sonnet-4-6">' in page


def test_what_a_phase_counted_is_said_in_words(as_bob: Client, actor: Actor, store: MemoryStore) -> None:
    dream = make_proposal(actor, store).review.dream
    for place, summary in enumerate(
        ({"files": 1, "store": store.pk}, {"events": 378, "shortened": 0}, {"clusters": 0})
    ):
        dream.phases.create(
            position=place, name=f"p{place}", status="completed", summary=summary, started_at=dream.created_at
        )
    page = as_bob.get(f"/dreams/{dream.pk}/").content.decode()
    assert [words in page for words in (">1 file<", ">378 events, none shortened<", ">no clusters<")] == [True] * 3
