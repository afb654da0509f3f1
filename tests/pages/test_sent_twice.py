"""A form that arrives twice, by a reload, a second click or the way back, makes what it makes once."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.db import connections
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from agents.models import (
    Agent,
    ApiKey,
    AuditEvent,
    Credential,
    Deployment,
    DeploymentRun,
    Environment,
    EnvironmentKey,
    Member,
    SentForm,
    Session,
    Vault,
    WebhookEndpoint,
)
from agents.services.agents import create_agent
from agents.services.api_keys import issue_api_key
from agents.services.environments import create_environment
from agents.services.vaults import create_vault
from agents.services.webhooks import create_endpoint, signing_secret
from dreams.models import Dream, DreamPolicy
from memory.models import MemoryStore
from memory.services import create_store
from tests.conftest import PASSWORD
from tests.pages.reviews import make_session

KEY = {"name": "nightly", "scopes": ["read"]}
ENDPOINT = {"url": "https://hooks.example.com/lucid", "enabled_events": ["session.created"]}
SECRETS = re.compile(r'<code class="secret"[^>]*>([^<]+)<')


def mark_on(client: Client, address: str) -> str:
    """What makes the form of that page one of its own."""
    found = re.search(r'name="sending" value="([\w-]+)"', client.get(address).content.decode())
    assert found, address
    return found[1]


def twice(client, shown_on, sent_to, typed):
    marked = {**typed, "sending": mark_on(client, shown_on)}
    return client.post(sent_to, marked), client.post(sent_to, marked)


@pytest.fixture
def world(actor, bob):
    """What the forms below are about, by the name of its kind."""
    agent = create_agent({"name": "Ann", "model": {"id": "m"}}, actor=actor)
    return {
        "agent": agent,
        "box": create_environment({"name": "box"}, actor=actor),
        "own": create_environment({"name": "own", "config": {"type": "self_hosted"}}, actor=actor),
        "key": issue_api_key(actor.workspace, "old", actor=actor)[0],
        "endpoint": create_endpoint({**ENDPOINT, "name": "Hook"}, actor=actor)[0],
        "vault": create_vault({"display_name": "Ann's"}, actor=actor),
        "store": create_store(actor.workspace, name="Notes", actor=actor),
        "bob": bob,
    }


@pytest.mark.parametrize(
    ("view", "of", "shown_on", "typed", "model", "said"),
    [
        ("api-keys", "", "", KEY, ApiKey, "the key nightly (lucid_"),
        ("api-key-rotate", "key", "api-key", {}, ApiKey, "the key old (lucid_"),
        ("environment-key-new", "own", "environment", {"key_name": "w1"}, EnvironmentKey, "the key w1 ("),
        ("webhook-new", "", "", ENDPOINT, WebhookEndpoint, "the signing secret of "),
        ("members", "", "", {"username": "mia", "role": "viewer"}, Member, "a sign-in link for mia"),
    ],
)
def test_what_is_shown_once_is_made_once(as_alice, world, view, of, shown_on, typed, model, said):
    ids = [world[of].pk] if of else []
    before = model.objects.count()
    first, again = twice(as_alice, reverse(shown_on or view, args=ids), reverse(view, args=ids), typed)
    secret = SECRETS.search(first.content.decode())[1]
    page = again.content.decode()
    assert (first.status_code, again.status_code) == (200, 409)
    assert secret not in page
    assert all(words in page for words in ("This form was sent before", said, "cannot be shown again"))
    assert "no-store" in again["Cache-Control"]
    assert model.objects.count() == before + 1
    assert secret not in str(SentForm.objects.values())
    assert as_alice.get(SentForm.objects.get().url).status_code == 200


def test_a_reload_replaces_no_signing_secret_and_makes_no_second_link(as_alice, world):
    endpoint, bob = world["endpoint"], world["bob"]
    address = reverse("webhook-secret", args=[endpoint.pk])
    first, again = twice(as_alice, address, address, {})
    endpoint.refresh_from_db()
    assert (SECRETS.search(first.content.decode())[1], again.status_code) == (signing_secret(endpoint), 409)
    links = twice(as_alice, reverse("member", args=[bob.pk]), reverse("member-link", args=[bob.pk]), {})
    assert [answer.status_code for answer in links] == [200, 409]
    made = AuditEvent.objects.filter(action__in=("webhook_endpoint.secret_regenerated", "member.sign_in_link_made"))
    assert made.count() == 2


@pytest.mark.parametrize(
    ("view", "of", "typed", "model"),
    [
        ("agent-new", "", {"name": "Bo", "model": "m", "effort": "high", "speed": "standard"}, Agent),
        ("agent-start", "agent", {"environment": "box", "text": "Hi"}, Session),
        ("environment-new", "", {"name": "new", "type": "cloud", "networking": "unrestricted"}, Environment),
        ("vault-new", "", {"display_name": "New"}, Vault),
        ("credential-new", "vault", {"mcp_server_url": "https://mcp.example.com/", "token": "t"}, Credential),
        ("deployment-new", "", {"name": "D", "agent": "agent", "environment": "box", "message": "Hi"}, Deployment),
        ("store-new", "", {"name": "More", "tier": "working"}, MemoryStore),
        ("dream-policy-new", "", {"store": "store", "name": "P", "mode": "review", "limit": 9}, DreamPolicy),
    ],
)
def test_what_is_made_twice_leads_to_the_one_that_is_there(as_alice, world, view, of, typed, model):
    address = reverse(view, args=[world[of].pk] if of else [])
    switches = {name: "allow" for name in as_alice.get(address).context["form"].fields if name.startswith("tool_")}
    typed = {name: world[value].pk if value in world else value for name, value in typed.items()}
    before = model.objects.count()
    first, again = twice(as_alice, address, address, {"timezone": "UTC", "window_days": 9, **switches, **typed})
    assert (first.status_code, again.status_code, again.url) == (303, 303, first.url)
    assert model.objects.count() == before + 1
    assert "Nothing was done again" in as_alice.get(again.url).content.decode()


def test_a_second_click_on_run_now_starts_no_second_session(as_alice, world):
    ids = {"agent": world["agent"].pk, "environment": world["box"].pk}
    page = as_alice.post(reverse("deployment-new"), {**ids, "name": "D", "message": "Hi", "timezone": "UTC"}).url
    first, again = twice(as_alice, page, f"{page}run/", {})
    assert (first.url, DeploymentRun.objects.count()) == (again.url, 1)


def test_a_second_click_dreams_no_second_dream(as_rita, actor, world, clean_redis):
    typed = {"store": world["store"].pk, "sessions": [make_session(actor).pk], "model": "m"}
    first, again = twice(as_rita, "/dreams/new/", "/dreams/new/", typed)
    assert (first.url, Dream.objects.count()) == (again.url, 1)


def test_a_form_that_was_refused_may_be_sent_again(as_alice):
    mark = {"sending": mark_on(as_alice, "/api-keys/")}
    assert [as_alice.post("/api-keys/", {**mark, "name": ""}).status_code for _ in range(2)] == [422, 422]
    assert as_alice.post("/api-keys/", {**mark, **KEY}).status_code == 200
    assert SentForm.objects.count() == 1


def test_who_goes_back_and_writes_something_else_makes_another_one(as_alice):
    mark = {"sending": mark_on(as_alice, "/api-keys/")}
    for name in ("one", "two"):
        assert as_alice.post("/api-keys/", {**mark, **KEY, "name": name}).status_code == 200
    assert sorted(ApiKey.objects.values_list("name", flat=True)) == ["one", "two"]


def test_the_mark_of_somebody_else_is_no_obstacle(as_alice, as_charlie):
    mark = {"sending": mark_on(as_alice, "/api-keys/")}
    answers = [client.post("/api-keys/", {**mark, **KEY}) for client in (as_alice, as_charlie)]
    assert [answer.status_code for answer in answers] == [200, 200]


@pytest.mark.parametrize("mark", ["", "x" * 100_000, "\x00", "'; --", "🤷"])
def test_a_mark_may_be_anything(as_alice, mark):
    assert as_alice.post("/api-keys/", {**KEY, "sending": mark}).status_code == 200


def test_notes_of_sent_forms_are_kept_for_a_month(as_alice):
    as_alice.post("/api-keys/", {**KEY, "sending": "old"})
    SentForm.objects.update(created_at=timezone.now() - timedelta(days=31))
    as_alice.post("/api-keys/", {**KEY, "sending": "new"})
    assert SentForm.objects.get().created_at > timezone.now() - timedelta(days=1)


@pytest.mark.django_db(transaction=True)
def test_of_two_that_arrive_at_once_one_makes_the_key(alice):
    together = Barrier(2)

    def send(client):
        together.wait()
        try:
            return client.post("/api-keys/", {**KEY, "sending": "one"}).status_code
        finally:
            connections.close_all()

    clients = [Client(), Client()]
    for client in clients:
        assert client.login(username="alice", password=PASSWORD)
    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(send, clients)) == [200, 409]
    assert ApiKey.objects.count() == 1
