"""Dreams, their schedules, and home: what a dream did, how one is started, what the numbers of home count."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from agents.actors import Actor
from agents.models import Session, SessionResource
from dreams import reviewing
from dreams.models import Dream, DreamPolicy
from dreams.policies import create_policy, run_policy
from memory.models import MemoryStore
from memory.services import create_store
from tests.dreams import events
from tests.dreams.dreaming import begin, dream_over, session_of, store_of
from tests.dreams.messages_server import Body, Reply, forced, honest, prompt, serving
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


def test_a_dream_says_that_its_copy_is_gone(as_bob: Client, actor: Actor, store: MemoryStore) -> None:
    dream = make_proposal(actor, store).review.dream
    copy = create_store(actor.workspace, name="Notes (dream)")
    Dream.objects.filter(pk=dream.pk).update(output_store_id=copy.pk)
    assert f'href="/memory/{copy.pk}/"' in as_bob.get(f"/dreams/{dream.pk}/").content.decode()
    copy.delete()
    page = as_bob.get(f"/dreams/{dream.pk}/").content.decode()
    assert "deleted since" in page
    assert "/memory/memstore" not in page.replace(f"/memory/{store.pk}/", "")


def test_polling_ends_when_the_dream_has(as_bob: Client, actor: Actor, store: MemoryStore) -> None:
    proposal = make_proposal(actor, store)
    address, headers = f"/dreams/{proposal.review.dream_id}/", {"HX-Request": "true", "HX-Target": "progress"}
    assert as_bob.get(address, headers=headers).status_code == 286
    Dream.objects.update(status="running")
    running = as_bob.get(address, headers=headers)
    assert running.status_code == 200
    assert 'hx-trigger="every 2s"' in running.content.decode()


@pytest.mark.parametrize(("status", "said"), [("running", "under way"), ("failed", "ended here")])
def test_the_phase_that_is_not_complete_is_shown(
    as_bob: Client, actor: Actor, store: MemoryStore, status: str, said: str
) -> None:
    dream = make_proposal(actor, store).review.dream
    for place, name in enumerate(("pin", "select", "digest", "mine")):
        began = dream.created_at
        dream.phases.create(position=place, name=name, status="completed", started_at=began, ended_at=began)
    dream.requests.create(kind="map", key="sesn_1", thread_id="sthr_1", answer={"items": []})
    dream.requests.create(kind="map", key="sesn_2", thread_id="sthr_2", problem="Connection refused.")
    dream.requests.create(kind="map", key="sesn_3", thread_id="sthr_3")
    Dream.objects.update(status=status)
    page = as_bob.get(f"/dreams/{dream.pk}/").content.decode()
    phases = page.partition('id="phases-title"')[2].partition("</ol>")[0]
    assert ("<b>Map</b>" in phases, "1 request answered" in phases, said in phases) == (True, True, True)
    assert "<b>Verify</b>" not in phases


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


@pytest.mark.django_db(transaction=True)  # a dream gives its connection back while a model thinks
def test_a_dream_says_what_it_read_and_wrote_and_what_it_could_not_use(
    as_bob: Client, actor: Actor, clean_redis: str
) -> None:
    sessions = [session_of(actor, events.mended(), principal=name) for name in ("ann", "ben", "eve")]

    def sloppy(request: Body) -> Reply:
        return forced(request, {"claims": "none"}) if sessions[2].pk in prompt(request) else honest(request)

    with serving(sloppy):
        dream = dream_over(actor, store_of(actor, {"/notes.md": "By hand.\n"}), sessions)
    page = as_bob.get(f"/dreams/{dream.pk}/").content.decode()
    assert page.count("skipped: ") == 1
    assert "5 events" in page
    assert "1 file read, 2 written" in page
    assert dream.manifest["prompts_sha256"] in page
    whole = as_bob.get(f"/dreams/{dream.pk}/manifest.json").json()
    assert {row["session_id"] for row in whole["manifest"]["sessions"]} == {session.pk for session in sessions}
    assert {row["path"]: row["operation"] for row in whole["manifest"]["written"]} == {
        "/_index.md": "created",
        "/workarounds/zorp.md": "created",
    }
    assert whole["inputs"][0]["memory_store_id"] == dream.input_store_id


def test_a_failed_dream_says_what_to_do_and_is_started_again_as_it_was(
    as_rita: Client, actor: Actor, store: MemoryStore, session: Session, clean_redis: str
) -> None:
    dream = begin(actor, store, [session], instructions="Look at totals.", output_behavior="update_existing")
    Dream.objects.update(status="failed", error={"type": "timeout", "message": "Too slow."})
    page = as_rita.get(f"/dreams/{dream.pk}/").content.decode()
    assert "Read fewer sessions at once" in page
    form = as_rita.get(f"/dreams/new/?again={dream.pk}").content.decode()
    assert "Look at totals." in form
    assert f'value="{session.pk}" checked' in form
    assert 'value="update_existing" selected' in form


def test_what_the_verb_refuses_stands_on_the_form(
    as_rita: Client, actor: Actor, store: MemoryStore, session: Session, clean_redis: str
) -> None:
    begin(actor, store, [session], output_behavior="update_existing")
    form = {"store": store.pk, "sessions": [session.pk], "model": "m", "output": "update_existing"}
    response = as_rita.post("/dreams/new/", form)
    assert response.status_code == 422
    assert "already updates this memory store" in response.content.decode()


def test_an_archived_dream_leaves_the_list_until_asked_for(
    as_rita: Client, actor: Actor, store: MemoryStore, clean_redis: str
) -> None:
    dream = make_proposal(actor, store).review.dream
    assert as_rita.post(f"/dreams/{dream.pk}/archive/").status_code == 303
    assert dream.pk not in as_rita.get("/dreams/").content.decode()
    assert dream.pk in as_rita.get("/dreams/?archived=all").content.decode()


def test_dreams_are_filtered_by_status_store_and_start(as_bob: Client, actor: Actor, store: MemoryStore) -> None:
    policy = create_policy({"memory_store_id": store.pk}, actor=actor)
    dream = make_proposal(actor, store).review.dream
    for query, is_shown in (
        ("status=completed", True),
        ("status=failed", False),
        (f"store={store.pk}", True),
        ("policy=none", True),
        (f"policy={policy.pk}", False),
        ("status=nonsense", True),
    ):
        assert (dream.pk in as_bob.get(f"/dreams/?{query}").content.decode()) == is_shown, query
    part = as_bob.get("/dreams/?status=failed", headers={"HX-Request": "true", "HX-Target": "dream-rows"})
    assert "No dream fits" in part.content.decode()
    assert "<html" not in part.content.decode()


# Schedules


def schedule(store: MemoryStore, **changes: str) -> dict[str, str]:
    form = {"name": "Nights", "store": store.pk, "cron": "0 3 * * *", "timezone": "Europe/Berlin", "mode": "review"}
    return {**form, "limit": "50", "window_days": "7", **changes}


def test_a_schedule_is_made_changed_paused_and_archived_without_javascript(
    as_alice: Client, store: MemoryStore
) -> None:
    made = as_alice.post("/dreams/schedules/new/", schedule(store))
    policy = DreamPolicy.objects.get()
    assert made["Location"] == f"/dreams/schedules/{policy.pk}/"
    page = as_alice.get(made["Location"]).content.decode()
    assert page.count("03:00") == 5
    assert "Europe/Berlin" in page
    assert "It was not due yet." in page
    assert "Nights" in as_alice.get("/dreams/schedules/").content.decode()
    as_alice.post(f"/dreams/schedules/{policy.pk}/edit/", schedule(store, cron="", name="By hand"))
    policy.refresh_from_db()
    assert (policy.name, policy.cron, policy.next_run_at) == ("By hand", "", None)
    for verb, enabled in (("pause", False), ("resume", True)):
        as_alice.post(f"/dreams/schedules/{policy.pk}/{verb}/")
        policy.refresh_from_db()
        assert policy.is_enabled == enabled
    assert "This is final." in as_alice.get(f"/dreams/schedules/{policy.pk}/archive/").content.decode()
    as_alice.post(f"/dreams/schedules/{policy.pk}/archive/")
    assert "Nothing is scheduled" in as_alice.get("/dreams/schedules/").content.decode()


def test_a_schedule_that_cannot_be_is_refused_at_its_field(as_alice: Client, store: MemoryStore) -> None:
    response = as_alice.post("/dreams/schedules/new/", schedule(store, cron="0 3 31 2 *"))
    page = response.content.decode()
    assert response.status_code == 422
    assert "never fires" in page
    assert 'id="id_cron_error"' in page
    assert not DreamPolicy.objects.exists()


def test_the_next_times_are_shown_while_the_schedule_is_typed(as_bob: Client) -> None:
    part = as_bob.get("/dreams/schedules/preview/?cron=30+4+*+*+*&timezone=Asia/Tokyo").content.decode()
    assert part.count("04:30") == 5
    assert "5 fields" in as_bob.get("/dreams/schedules/preview/?cron=<b>&timezone=UTC").content.decode()
    assert "no IANA time zone" in as_bob.get("/dreams/schedules/preview/?cron=0+3+*+*+*&timezone=x").content.decode()


def test_dreaming_now_leads_to_the_dream_or_says_why_there_is_none(
    as_rita: Client, actor: Actor, store: MemoryStore, clean_redis: str
) -> None:
    policy = create_policy({"memory_store_id": store.pk}, actor=actor)
    address = f"/dreams/schedules/{policy.pk}/"
    assert as_rita.post(f"{address}run/")["Location"] == address
    page = as_rita.get(address).content.decode()
    assert page.count("Nothing new: 0 finished sessions since") == 2  # as the answer, and on record
    make_session(actor)
    dream_page = as_rita.post(f"{address}run/")["Location"]
    assert dream_page == f"/dreams/{Dream.objects.get().pk}/"
    assert "of the schedule" in as_rita.get(dream_page).content.decode()


def test_home_names_the_next_dream(as_bob: Client, actor: Actor, store: MemoryStore) -> None:
    assert "None is scheduled" in as_bob.get("/").content.decode()
    create_policy({"memory_store_id": store.pk, "name": "Nights"}, actor=actor)
    assert "Nights" in as_bob.get("/").content.decode()


def test_the_last_time_of_every_schedule_is_looked_up_at_once(as_bob: Client, actor: Actor, store: MemoryStore) -> None:
    def queries(number: int) -> int:
        for _ in range(number):
            policy = create_policy({"memory_store_id": store.pk}, actor=actor)
            run_policy(policy, actor=actor)
            run_policy(policy, actor=actor)
        with CaptureQueriesContext(connection) as captured:
            page = as_bob.get("/dreams/schedules/").content.decode()
        assert page.count("nothing new") == DreamPolicy.objects.count()
        return len(captured)

    queries(1)  # the first visit also notes that somebody was seen
    assert queries(1) == queries(5)
