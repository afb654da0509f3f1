"""Two people, or two tabs, and one thing to change: nobody silently undoes what the other has just saved."""

from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from agents.editions import check_edition, edition_of
from agents.exceptions import EditedMeanwhile
from agents.models import Credential, ModelPrice, Role, WebhookEndpoint
from agents.services.agents import create_agent
from agents.services.credential_secrets import sealed_columns, secrets_of
from agents.services.deployments import create_deployment
from agents.services.environments import create_environment
from agents.services.members import add_member, change_role
from agents.services.prices import RATES, runtime_price
from agents.services.vaults import create_credential, create_vault, update_credential
from agents.services.webhooks import create_endpoint, signing_secret
from dreams.policies import create_policy
from memory.services import create_store
from tests.conftest import PASSWORD

SERVER = "https://mcp.example.com/mcp"
OAUTH = {
    "type": "mcp_oauth",
    "mcp_server_url": SERVER,
    "access_token": "a",
    "expires_at": "2998-01-01T00:00:00Z",
    "refresh": {
        "refresh_token": "r",
        "token_endpoint": "https://auth.example.com/token",
        "client_id": "lucid",
        "token_endpoint_auth": {"type": "none"},
    },
}
PRICE = {"model": "claude-x", "valid_from": "2026-11-01", **dict.fromkeys(RATES, "1")}


@pytest.fixture
def as_anna(workspace, alice):
    """A second admin."""
    add_member(workspace, User.objects.create_user("anna", password=PASSWORD), Role.ADMIN)
    client = Client()
    assert client.login(username="anna", password=PASSWORD)
    return client


@pytest.fixture
def world(actor, bob):
    """What can be changed: by its kind the page of the form, where that goes, and the row."""
    agent = create_agent({"name": "Ann", "model": {"id": "m"}}, actor=actor)
    box = create_environment({"name": "box"}, actor=actor)
    store = create_store(actor.workspace, name="Notes", actor=actor)
    vault = create_vault({"display_name": "Accounts"}, actor=actor)
    bearer = {"auth": {"type": "static_bearer", "mcp_server_url": SERVER + "2", "token": "t"}, "display_name": "C"}
    event = {"type": "user.message", "content": [{"type": "text", "text": "Go"}]}
    starts = {"name": "D", "agent": agent.pk, "environment_id": box.pk, "initial_events": [event]}
    hook = {"url": "https://h.example.com/", "enabled_events": ["session.created"]}
    rows = {
        "environment": box,
        "deployment": create_deployment(starts, actor=actor),
        "vault": vault,
        "credential": create_credential(vault, bearer, actor=actor),
        "webhook": create_endpoint(hook, actor=actor)[0],
        "dream-policy": create_policy({"memory_store_id": store.pk, "name": "P"}, actor=actor),
        "store": store,
        "member": bob,
    }
    plain = {kind: row.pk for kind, row in rows.items() if kind not in ("credential", "member")}
    pages = {kind: reverse(f"{kind}-edit", args=[pk]) for kind, pk in plain.items()}
    pages["credential"] = reverse("credential-edit", args=[vault.pk, rows["credential"].pk])
    pages |= {"member": reverse("member", args=[bob.pk]), "workspace": reverse("workspace")}
    targets = {**pages, "member": reverse("member-role", args=[bob.pk])}
    return {kind: (pages[kind], targets[kind], rows.get(kind, actor.workspace)) for kind in pages}


def typed(form, **changes):
    """What a browser sends of a form as it is shown, with these changes."""
    values = {name: form[name].value() for name in form.fields}
    hidden = {f"initial-{name}": values[name] for name in form.fields if form.fields[name].show_hidden_initial}
    hidden |= {name: value for name, value in form.data.items() if name in hidden}
    return {name: value for name, value in {**values, **hidden, **changes}.items() if value not in (None, False)}


CHANGES = [
    ("environment", "description", "mine", "theirs"),
    ("deployment", "name", "mine", "theirs"),
    ("vault", "display_name", "mine", "theirs"),
    ("credential", "display_name", "mine", "theirs"),
    ("webhook", "url", "https://mine.example.com/", "https://theirs.example.com/"),
    ("dream-policy", "objective", "mine", "theirs"),
    ("store", "description", "mine", "theirs"),
    ("workspace", "principal_key", "mine", "theirs"),
    ("member", "role", "reviewer", "admin"),
]


@pytest.mark.parametrize(("kind", "field", "mine", "theirs"), CHANGES)
def test_who_saves_second_sees_both_and_decides(as_alice, as_anna, world, kind, field, mine, theirs):
    shown_on, sent_to, row = world[kind]
    form = as_alice.get(shown_on).context["form"]
    assert as_anna.post(sent_to, typed(form, **{field: theirs})).status_code == 303
    answer = as_alice.post(sent_to, typed(form, **{field: mine}))
    page = answer.content.decode()
    assert answer.status_code == 409
    assert "anna saved this" in page
    assert [label for label, *_ in answer.context["form"].theirs] == [form.fields[field].label]
    assert answer.context["form"][field].value() == mine
    assert _value(row, field) == theirs
    assert as_alice.post(sent_to, typed(answer.context["form"])).status_code == 303
    assert _value(row, field) == mine


@pytest.mark.parametrize(("kind", "field", "mine", "theirs"), CHANGES)
def test_an_untouched_form_and_the_same_change_are_no_conflict(as_alice, as_anna, world, kind, field, mine, theirs):
    shown_on, sent_to, _ = world[kind]
    form = as_alice.get(shown_on).context["form"]
    for client in (as_alice, as_anna):
        assert client.post(sent_to, typed(form, **{field: theirs})).status_code == 303
    fresh = as_alice.get(shown_on).context["form"]
    assert as_alice.post(sent_to, typed(fresh)).status_code == 303


def _again(row):
    return type(row).objects.get(pk=row.pk)


def _value(row, field):
    return getattr(_again(row), field)


def test_what_somebody_else_saved_elsewhere_stays_in_a_store(as_alice, as_anna, world):
    address, _, store = world["store"]
    form = as_alice.get(address).context["form"]
    as_anna.post(address, typed(form, name="Theirs", tier="verified"))
    answer = as_alice.post(address, typed(form, tier="organization"))
    assert (answer.status_code, answer.context["form"]["name"].value()) == (409, "Theirs")
    assert as_alice.post(address, typed(answer.context["form"])).status_code == 303
    store.refresh_from_db()
    assert (store.name, store.tier) == ("Theirs", "organization")


def test_a_secret_that_was_replaced_meanwhile_is_not_replaced_unseen(as_alice, as_anna, world):
    address, _, credential = world["credential"]
    form = as_alice.get(address).context["form"]
    as_anna.post(address, typed(form, token="theirs"))
    answer = as_alice.post(address, typed(form, token="plain-mine"))
    page = answer.content.decode()
    assert answer.status_code == 409
    assert ("plain-mine" in page, "theirs" in page, "to be typed once more" in page) == (False, False, True)
    assert secrets_of(_again(credential)) == {"token": "theirs"}
    as_alice.post(address, typed(answer.context["form"], token="plain-mine"))
    assert secrets_of(_again(credential)) == {"token": "plain-mine"}


def test_a_token_that_is_renewed_meanwhile_is_no_conflict_and_keeps_its_time(as_alice, actor):
    vault = create_vault({"display_name": "V"}, actor=actor)
    credential = create_credential(vault, {"auth": OAUTH}, actor=actor)
    address = reverse("credential-edit", args=[vault.pk, credential.pk])
    form = as_alice.get(address).context["form"]
    renewed = "2999-01-01T00:00:00Z"
    columns = {**sealed_columns(credential, {"access_token": "b"}), "auth": {**credential.auth, "expires_at": renewed}}
    Credential.objects.filter(pk=credential.pk).update(**columns)
    assert as_alice.post(address, typed(form, display_name="Named")).status_code == 303
    kept = _again(credential)
    assert (kept.display_name, kept.auth["expires_at"], secrets_of(kept)["access_token"]) == ("Named", renewed, "b")


def test_of_two_who_replace_a_signing_secret_the_second_is_told(as_alice, as_anna, world):
    endpoint = world["webhook"][2]
    address = reverse("webhook-secret", args=[endpoint.pk])
    seen = [client.get(address).context["edition"] for client in (as_alice, as_anna)]
    shown = as_anna.post(address, {"edition": seen[1]}).content.decode()
    answer = as_alice.post(address, {"edition": seen[0]})
    assert (answer.status_code, "was replaced since" in answer.content.decode()) == (409, True)
    assert signing_secret(WebhookEndpoint.objects.get()) in shown


def test_a_price_of_a_day_is_replaced_only_by_who_saw_it(as_alice, as_anna):
    form = as_alice.get("/prices/").context["form"]
    mine = {**PRICE, "edition": form["edition"].value()}
    assert as_anna.post("/prices/save/", {**mine, "input": "2"}).status_code == 303
    answer = as_alice.post("/prices/save/", mine)
    assert (answer.status_code, answer.context["form"].theirs) == (409, [("Input", "2", "1")])
    assert "There is a price of this model from that day already" in answer.content.decode()
    assert ModelPrice.objects.get().input == 2
    assert as_alice.post("/prices/save/", typed(answer.context["form"])).status_code == 303
    assert ModelPrice.objects.get().input == 1


def test_the_price_of_running_time_is_not_overwritten_unseen(as_alice, as_anna, workspace):
    form = as_alice.get("/prices/").context["runtime_form"]
    as_anna.post("/prices/runtime/", typed(form, usd_per_hour="2"))
    answer = as_alice.post("/prices/runtime/", typed(form, usd_per_hour="3"))
    assert (answer.status_code, runtime_price(workspace)) == (409, Decimal(2))
    assert "anna saved this price of running time meanwhile" in answer.content.decode()
    assert as_alice.post("/prices/runtime/", typed(answer.context["runtime_form"])).status_code == 303
    assert runtime_price(workspace) == 3


def test_in_two_tabs_of_ones_own_it_says_so(as_alice, world):
    address, _, _ = world["vault"]
    form = as_alice.get(address).context["form"]
    as_alice.post(address, typed(form, display_name="one"))
    page = as_alice.post(address, typed(form, display_name="two")).content.decode()
    assert "You, in another tab, saved this vault meanwhile" in page


def test_what_a_program_changed_is_told_as_well(as_alice, world, actor):
    address, _, credential = world["credential"]
    form = as_alice.get(address).context["form"]
    update_credential(credential, {"display_name": "By a program"}, actor=actor)
    assert as_alice.post(address, typed(form, display_name="Mine")).status_code == 409


def test_a_role_that_was_given_meanwhile_is_seen_before_it_is_taken_back(as_alice, world, bob):
    _, sent_to, _ = world["member"]
    form = as_alice.get(world["member"][0]).context["form"]
    change_role(bob, Role.REVIEWER)
    answer = as_alice.post(sent_to, typed(form, role="admin"))
    assert (answer.status_code, _again(bob).role) == (409, "reviewer")
    assert "Reviewer: also decides" in answer.content.decode()


@pytest.mark.parametrize("edition", ["x", "display_name:", ":::", "display_name:0 " * 5_000, "🤷"])
def test_an_edition_that_nobody_was_given_is_a_conflict_and_no_error(as_alice, world, edition):
    address, _, _ = world["vault"]
    answer = as_alice.post(address, {"display_name": "Mine", "edition": edition})
    assert answer.status_code == 409


def test_an_edition_tells_columns_apart():
    row = {"a": 1, "b": None}
    seen = edition_of(row)
    check_edition(seen, {**row, "b": 2}, ["a"])
    check_edition("", {**row, "b": 2}, ["b"])
    with pytest.raises(EditedMeanwhile):
        check_edition(seen, {**row, "b": 2}, ["b"])


def test_what_an_agent_keeps_beside_its_versions_is_not_overwritten_unseen(as_alice, as_anna, actor):
    """Switching memory on makes no new version."""
    store = create_store(actor.workspace, name="Notes", actor=actor)
    agent = create_agent({"name": "Ann", "model": {"id": "m"}}, actor=actor)
    address = reverse("agent-edit", args=[agent.pk])
    shown = typed(as_alice.get(address).context["form"])
    as_anna.post(address, {**shown, "memory_enabled": "on"})
    answer = as_alice.post(address, {**shown, "memory_enabled": "on", "memory_stores": [store.pk]})
    page = answer.content.decode()
    assert answer.status_code == 409
    assert all(words in page for words in ("anna saved this agent meanwhile", "Stores that every session mounts"))
    assert _value(agent, "extensions")["memory"]["stores"] != [store.pk]
    edition = answer.context["form"]["edition"].value()
    again = {**shown, "edition": edition, "memory_enabled": "on", "memory_stores": [store.pk]}
    assert as_alice.post(address, again).status_code == 303
    assert _value(agent, "extensions")["memory"]["stores"] == [store.pk]
