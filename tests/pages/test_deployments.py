"""The pages of deployments, without JavaScript."""

import re

import pytest

from agents.models import Deployment, DeploymentRun, Session
from agents.services.agents import create_agent, update_agent
from agents.services.deployment_recipes import resources_with_tokens
from agents.services.deployments import archive_deployment, create_deployment, pause_deployment
from agents.services.environments import archive_environment, create_environment
from memory.services import archive_store
from tests.dreams.dreaming import store_of

MESSAGE = {"type": "user.message", "content": [{"type": "text", "text": "Write <b>the report</b>"}]}
NIGHTLY = {"type": "cron", "expression": "30 2 * * *", "timezone": "Europe/Berlin"}


@pytest.fixture
def agent(actor):
    return create_agent({"name": "Ann", "model": "m"}, actor=actor)


@pytest.fixture
def environment(actor):
    return create_environment({"name": "box"}, actor=actor)


@pytest.fixture
def make(actor, agent, environment):
    def make(**members):
        body = {"name": "Report", "agent": agent.pk, "environment_id": environment.pk, "initial_events": [MESSAGE]}
        return create_deployment(body | members, actor=actor)

    return make


@pytest.fixture
def typed(agent, environment):
    return {
        "name": "Report",
        "agent": agent.pk,
        "environment": environment.pk,
        "message": "Write the report",
        "expression": "30  8 * * 1-5",
        "timezone": "Europe/Berlin",
        "dollars": "",
    }


def text_of(answer):
    return re.sub(r"\s+", " ", answer.content.decode())


def test_a_form_deploys_an_agent(as_alice, typed, actor, agent):
    store = store_of(actor, {})
    answer = as_alice.post("/deployments/new/", typed | {"stores": [store.pk]})
    made = Deployment.objects.get()
    assert (answer.status_code, answer.url) == (303, f"/deployments/{made.pk}/")
    assert (made.cron, made.timezone, made.agent_version) == ("30 8 * * 1-5", "Europe/Berlin", 1)
    assert made.initial_events == [{"type": "user.message", "content": [{"type": "text", "text": "Write the report"}]}]
    assert [entry["memory_store_id"] for entry in made.resources] == [store.pk]
    assert made.created_by == actor.id


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"expression": "@daily"}, "Shortcuts such as @daily are not supported"),
        ({"expression": "0 0 30 2 *"}, "never fires"),
        ({"timezone": "Mars/Base"}, "Select a valid choice"),
        ({"message": ""}, "This field is required"),
        ({"agent": ""}, "Choose an agent"),
        ({"version": "7"}, "has no version 7"),
        ({"dollars": "0"}, "greater than or equal"),
        ({"dollars": "5"}, "has no list price"),
    ],
)
def test_a_bad_value_is_told_beside_its_field(as_alice, typed, changed, message):
    answer = as_alice.post("/deployments/new/", typed | changed)
    assert answer.status_code == 422
    assert message in answer.content.decode().replace("&#x27;", "'")
    assert not Deployment.objects.exists()


def test_checking_a_schedule_saves_nothing(as_alice, typed):
    answer = as_alice.post("/deployments/new/", typed | {"check": "1", "name": ""})
    assert answer.status_code == 200
    assert "The next five starts" in text_of(answer)
    assert "This field is required" not in text_of(answer)
    assert not Deployment.objects.exists()


def test_the_preview_says_when_or_why_not(as_bob):
    good = as_bob.get("/deployments/preview/", {"expression": "0 9 * * *", "timezone": "Asia/Kathmandu"})
    assert text_of(good).count("09:00") == 5
    assert "<html" not in text_of(good)
    for expression, zone, problem in (("* * *", "UTC", "5 fields"), ("* * * * *", "Mars", "no IANA time zone")):
        answer = as_bob.get("/deployments/preview/", {"expression": expression, "timezone": zone})
        assert problem in text_of(answer)
    assert "by hand only" in text_of(as_bob.get("/deployments/preview/"))


def test_the_form_keeps_what_it_cannot_show(as_alice, make, actor, typed, agent):
    store = store_of(actor, {})
    entry = {"type": "memory_store", "memory_store_id": store.pk, "access": "read_only", "instructions": "Look"}
    system = {"type": "system.message", "content": [{"type": "text", "text": "Be brief"}]}
    made = make(initial_events=[MESSAGE, system], resources=[entry], schedule=NIGHTLY)
    update_agent(agent, {"system": "New"}, actor=actor)
    page = text_of(as_alice.get(f"/deployments/{made.pk}/edit/"))
    assert "2 events that were written through the API" in page
    answer = as_alice.post(f"/deployments/{made.pk}/edit/", typed | {"version": "1", "stores": [store.pk]})
    assert answer.status_code == 303
    made.refresh_from_db()
    assert (made.agent_version, made.cron, len(made.initial_events)) == (1, "30 8 * * 1-5", 2)
    assert resources_with_tokens(made) == [entry]
    assert f"Memory store: {store.name}" in text_of(as_alice.get(f"/deployments/{made.pk}/"))


def test_the_form_changes_nothing_that_is_no_longer_offered(as_alice, make, actor, typed, environment):
    store = store_of(actor, {})
    made = make(resources=[{"type": "memory_store", "memory_store_id": store.pk}])
    archive_environment(environment, actor=actor)
    archive_store(store, actor=actor)
    page = text_of(as_alice.get(f"/deployments/{made.pk}/edit/"))
    assert f'<option value="{environment.pk}" selected>box (no longer offered)' in page
    assert page.count("(no longer offered)") == 2
    answer = as_alice.post(f"/deployments/{made.pk}/edit/", typed | {"message": "Another", "stores": [store.pk]})
    assert "is archived" in text_of(answer)


def test_without_a_version_the_latest_is_pinned_and_without_a_line_it_starts_by_hand(
    as_alice, make, actor, typed, agent
):
    made = make(schedule=NIGHTLY)
    update_agent(agent, {"system": "New"}, actor=actor)
    as_alice.post(f"/deployments/{made.pk}/edit/", typed | {"expression": " "})
    made.refresh_from_db()
    assert (made.agent_version, made.cron, made.next_run_at) == (2, "", None)


def test_the_page_shows_the_next_starts_and_everything_that_was_started(as_alice, make, actor, environment):
    made = make(schedule=NIGHTLY)
    assert as_alice.post(f"/deployments/{made.pk}/run/").url == f"/sessions/{Session.objects.get().pk}/"
    assert f'href="/deployments/{made.pk}/"' in text_of(as_alice.get(f"/sessions/{Session.objects.get().pk}/"))
    archive_environment(environment, actor=actor)
    answer = as_alice.post(f"/deployments/{made.pk}/run/", follow=True)
    page = text_of(answer)
    assert "No session was started. The environment" in page
    assert page.count("02:30 CE") == 5
    assert "Write &lt;b&gt;the report" in page
    assert DeploymentRun.objects.count() == 2
    assert f"/sessions/{Session.objects.get().pk}/" in page


def test_pausing_and_archiving_by_hand(as_alice, make):
    made = make(schedule=NIGHTLY)
    assert "Paused: the schedule starts nothing" in text_of(
        as_alice.post(f"/deployments/{made.pk}/pause/", follow=True)
    )
    assert "The next five starts" in text_of(as_alice.post(f"/deployments/{made.pk}/unpause/", follow=True))
    assert "for ever" in text_of(as_alice.get(f"/deployments/{made.pk}/archive/"))
    assert "is archived" in text_of(as_alice.post(f"/deployments/{made.pk}/archive/", follow=True))
    assert Deployment.objects.get().is_archived
    assert as_alice.post(f"/deployments/{made.pk}/run/").status_code == 400


def test_a_pause_after_an_error_says_which(as_bob, make, actor):
    made = make(schedule=NIGHTLY)
    pause_deployment(made, actor=actor, error_type="vault_not_found_error")
    assert "Paused after an error: vault not found." in text_of(as_bob.get(f"/deployments/{made.pk}/"))


def test_the_list_leaves_archived_ones_out_until_asked(as_bob, make, actor):
    kept, gone = make(name="Kept"), make(name="Gone")
    archive_deployment(gone, actor=actor)
    assert "Kept" in text_of(as_bob.get("/deployments/"))
    assert "Gone" not in text_of(as_bob.get("/deployments/"))
    assert "Gone" in text_of(as_bob.get("/deployments/?state=archived"))
    assert "No deployment fits" in text_of(as_bob.get("/deployments/?state=paused"))
    assert "Deploy an agent" not in text_of(as_bob.get("/deployments/"))
    assert kept.pk in text_of(as_bob.get("/deployments/?state=nonsense"))


def test_a_message_that_was_not_touched_stays_its_authors(as_alice, make, typed):
    text = "One\nTwo\n"  # browsers send lines with \r\n, and the form takes space off the ends
    deployment = make(initial_events=[{"type": "user.message", "content": [{"type": "text", "text": text}]}])
    Deployment.objects.update(created_by="apikey_somebody")
    as_alice.post(f"/deployments/{deployment.pk}/edit/", typed | {"name": "Renamed", "message": "One\r\nTwo\r\n"})
    deployment.refresh_from_db()
    assert (deployment.name, deployment.created_by) == ("Renamed", "apikey_somebody")
    assert deployment.initial_events[0]["content"][0]["text"] == text
    as_alice.post(f"/deployments/{deployment.pk}/edit/", typed | {"message": "One\r\nThree"})
    deployment.refresh_from_db()
    assert deployment.created_by != "apikey_somebody"
    assert deployment.initial_events[0]["content"][0]["text"] == "One\nThree"


def test_of_two_who_edit_at_once_the_second_sees_what_the_first_saved(as_alice, make, typed):
    made = make(name="Report")
    edition = re.search(r'name="edition" value="([^"]+)"', text_of(as_alice.get(f"/deployments/{made.pk}/edit/")))[1]
    as_alice.post(f"/deployments/{made.pk}/edit/", typed | {"name": "Theirs", "edition": edition})
    answer = as_alice.post(f"/deployments/{made.pk}/edit/", typed | {"name": "Mine", "edition": edition})
    page = text_of(answer)
    assert answer.status_code == 409
    assert "You, in another tab, saved this deployment meanwhile" in page
    assert ("Theirs" in page, 'value="Mine"' in page) == (True, True)
    made.refresh_from_db()
    assert made.name == "Theirs"
    again = re.search(r'name="edition" value="([^"]+)"', page)[1]
    as_alice.post(f"/deployments/{made.pk}/edit/", typed | {"name": "Mine", "edition": again})
    made.refresh_from_db()
    assert made.name == "Mine"


def test_a_pause_meanwhile_is_no_conflict(as_alice, make, typed):
    made = make(name="Report")
    edition = re.search(r'name="edition" value="([^"]+)"', text_of(as_alice.get(f"/deployments/{made.pk}/edit/")))[1]
    as_alice.post(f"/deployments/{made.pk}/pause/")
    assert as_alice.post(f"/deployments/{made.pk}/edit/", typed | {"edition": edition}).status_code == 303


def test_a_start_that_is_refused_leads_back_to_the_deployment(as_alice, make):
    deployment = make()
    as_alice.post(f"/deployments/{deployment.pk}/archive/")
    answer = as_alice.post(f"/deployments/{deployment.pk}/run/")
    assert answer.status_code == 400
    assert f'href="/deployments/{deployment.pk}/"' in answer.content.decode()
