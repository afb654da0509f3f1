"""The pages against WCAG 2.2 AA as far as a machine can tell, in both colour schemes."""

import pytest
from django.test import Client
from playwright.sync_api import Page

from agents.actors import Actor
from agents.models import Session, SessionKind
from agents.services.agents import create_agent
from agents.services.api_keys import issue_api_key
from agents.services.environments import create_environment
from agents.services.vaults import create_credential, create_vault
from dreams import reviewing
from dreams.policies import create_policy, run_policy
from memory.models import Memory
from tests.pages.browsing import COLOURS, problems, sign_in
from tests.pages.reviews import NEW, PATH, add_evidence, make_proposal, make_session, make_store
from tests.stack import Stack

pytestmark = pytest.mark.browser

CREDENTIAL = {"type": "static_bearer", "mcp_server_url": f"https://mcp.example.com/{'long' * 50}", "token": "t"}


@pytest.fixture
def addresses(stack: Stack, actor: Actor) -> list[str]:
    """One page of every kind, with something on it."""
    store, session = make_store(actor), make_session(actor)
    waiting = make_proposal(actor, store, risks=[{"code": "conflict", "severity": "danger", "message": "It clashes."}])
    add_evidence(waiting, session)
    old = Memory.objects.get(store=store, path=PATH).head_version_id
    applied = reviewing.approve_proposal(make_proposal(actor, store, after=NEW.replace("cc", "dd")), actor=actor)
    memory = Memory.objects.get(store=store, path=PATH)
    policy = create_policy({"memory_store_id": store.pk}, actor=actor)
    run_policy(policy, actor=actor)
    paused = make_paused_session(actor)
    key, _ = issue_api_key(actor.workspace, "a program", actor=actor)
    return [
        "/", "/inbox/", "/inbox/?tab=decided", "/dreams/", "/dreams/new/", "/memory/", "/sessions/", "/agents/",
        "/dreams/schedules/", "/dreams/schedules/new/", f"/dreams/schedules/{policy.pk}/",
        f"/proposals/{waiting.pk}/", f"/proposals/{waiting.pk}/?mode=edit", f"/proposals/{waiting.pk}/?mode=reject",
        f"/proposals/{applied.pk}/", f"/dreams/{waiting.review.dream_id}/", f"/sessions/{session.pk}/",
        f"/memory/{store.pk}/", f"/memory/{store.pk}/files/{memory.pk}/",
        f"/memory/{store.pk}/files/{memory.pk}/history/", f"/agents/{session.agent_id}/", "/memory/none/",
        "/memory/new/", f"/memory/{store.pk}/edit/", f"/memory/{store.pk}/archive/", f"/memory/{store.pk}/delete/",
        f"/memory/{store.pk}/files/new/", f"/memory/{store.pk}/files/{memory.pk}/edit/",
        f"/memory/{store.pk}/files/{memory.pk}/delete/", f"/memory/{store.pk}/versions/{old}/",
        f"/memory/{store.pk}/versions/{old}/redact/", f"/memory/{store.pk}/versions/{memory.head_version_id}/redact/",
        "/deployments/", "/deployments/new/", "/costs/", "/prices/", f"/sessions/{paused.pk}/",
        "/setup/", "/members/", f"/members/{actor.id}/", f"/members/{actor.id}/remove/", "/password/",
        "/agents/new/", "/webhooks/new/", "/operations/", "/api-keys/", f"/api-keys/{key.pk}/",
        f"/api-keys/{key.pk}/revoke/", "/audit/", "/workspace/", "/workspaces/",
    ]  # fmt: skip


def make_paused_session(actor: Actor) -> Session:
    """One that used up its budget, and cost something."""
    session = make_session(actor)
    counters = {"input_tokens": 1_000_000, "output_tokens": 0}
    spent = {f"{session.created_at:%Y-%m-%d}": {"claude-opus-5": counters, "llama-9": counters}}
    budget = {"type": "limit", "max_list_cost": {"amount": "1", "currency": "USD"}}
    paused = {"status": "idle", "stop_reason": {"type": "budget_reached"}, "kind": SessionKind.AGENT}
    Session.objects.filter(pk=session.pk).update(spent=spent, budget=budget, **paused)
    return session


@pytest.fixture
def long_addresses(stack: Stack, actor: Actor) -> list[str]:
    """Pages of the admin that name things, of which one has a name as long as it may be, in one word."""
    word = "Straßenverkehrsordnung" * 11
    agent = create_agent({"name": word, "description": word, "model": "claude-opus-5"}, actor=actor)
    environment = create_environment({"name": word, "description": word}, actor=actor)
    vault = create_vault({"display_name": word}, actor=actor)
    create_credential(vault, {"display_name": word, "auth": CREDENTIAL}, actor=actor)
    lists = ["/agents/", "/environments/", "/vaults/", "/audit/"]
    agent_pages = [f"/agents/{agent.pk}/{page}" for page in ("", "edit/", "start/", "versions/", "archive/")]
    return [*lists, *agent_pages, f"/environments/{environment.pk}/", f"/vaults/{vault.pk}/"]


def test_no_name_is_wider_than_a_phone(stack: Stack, long_addresses: list[str], as_alice: Client, page: Page) -> None:
    sign_in(page, stack, as_alice)
    page.set_viewport_size({"width": 320, "height": 640})
    found = []
    for address in long_addresses:
        page.goto(stack.url + address)
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            found.append(address)
    assert not found


def test_no_page_breaks_a_rule(stack: Stack, addresses: list[str], as_alice: Client, page: Page) -> None:
    sign_in(page, stack, as_alice)
    found = []
    for address in addresses:
        page.goto(stack.url + address)
        page.emulate_media(color_scheme="light")
        found += problems(page)
        page.emulate_media(color_scheme="dark")  # which changes colours and nothing else
        found += [f"dark: {problem}" for problem in problems(page, COLOURS)]
    assert not found, "\n".join(found)
