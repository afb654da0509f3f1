"""Who may open which page: every address with the least role that it takes."""

import re
from datetime import date
from decimal import Decimal
from typing import NamedTuple

import pytest
from django.contrib.auth.models import User
from django.urls import URLResolver, get_resolver, reverse

from agents.models import Role
from agents.services.agents import create_agent
from agents.services.api_keys import issue_api_key
from agents.services.deployments import create_deployment
from agents.services.environment_keys import issue_environment_key
from agents.services.environments import create_environment
from agents.services.members import add_member, remove_member
from agents.services.prices import RATES, set_price
from agents.services.vaults import create_credential, create_vault
from agents.services.webhooks import create_endpoint
from dreams.policies import create_policy
from memory.models import Memory
from tests.agents.files import make_upload
from tests.agents.skills import make_skill
from tests.pages.reviews import make_proposal, make_session, make_store
from tests.shared_world import *  # noqa: F403

pytestmark = pytest.mark.django_db

MESSAGE = {"type": "user.message", "content": [{"type": "text", "text": "Hello"}]}

BEARER = {"type": "static_bearer", "mcp_server_url": "https://a.example", "token": "x"}
ENDPOINT = {"url": "https://a.example.com", "enabled_events": ["vault.created"]}


class Page(NamedTuple):
    """One page or button: the names of what its address holds come from the fixture `ids`."""

    method: str
    name: str
    role: str
    holds: tuple[str, ...] = ()


PAGES = [
    Page("GET", "home", Role.VIEWER),
    Page("GET", "setup", Role.VIEWER),
    Page("GET", "operations", Role.ADMIN),
    Page("GET", "costs", Role.VIEWER),
    Page("GET", "costs-export", Role.VIEWER),
    Page("GET", "prices", Role.VIEWER),
    Page("POST", "price-save", Role.ADMIN),
    Page("POST", "price-runtime", Role.ADMIN),
    Page("POST", "price-delete", Role.ADMIN, ("price",)),
    Page("GET", "password", Role.VIEWER),
    Page("POST", "password", Role.VIEWER),
    Page("GET", "workspaces", Role.VIEWER),
    Page("POST", "workspaces", Role.ADMIN),
    Page("POST", "workspace-choose", Role.VIEWER),
    Page("GET", "workspace", Role.ADMIN),
    Page("POST", "workspace", Role.ADMIN),
    Page("GET", "members", Role.VIEWER),
    Page("POST", "members", Role.ADMIN),
    Page("GET", "member", Role.VIEWER, ("member",)),
    Page("POST", "member-role", Role.ADMIN, ("member",)),
    Page("POST", "member-link", Role.ADMIN, ("member",)),
    Page("GET", "member-remove", Role.ADMIN, ("member",)),
    Page("POST", "member-remove", Role.ADMIN, ("member",)),
    Page("GET", "api-keys", Role.ADMIN),
    Page("POST", "api-keys", Role.ADMIN),
    Page("GET", "api-key", Role.ADMIN, ("key",)),
    Page("POST", "api-key-rotate", Role.ADMIN, ("key",)),
    Page("GET", "api-key-revoke", Role.ADMIN, ("key",)),
    Page("POST", "api-key-revoke", Role.ADMIN, ("key",)),
    Page("GET", "audit", Role.REVIEWER),
    Page("GET", "audit-export", Role.REVIEWER),
    Page("GET", "agents", Role.VIEWER),
    Page("GET", "agent", Role.VIEWER, ("agent",)),
    Page("GET", "agent-new", Role.ADMIN),
    Page("POST", "agent-new", Role.ADMIN),
    Page("GET", "agent-edit", Role.ADMIN, ("agent",)),
    Page("POST", "agent-edit", Role.ADMIN, ("agent",)),
    Page("GET", "agent-start", Role.ADMIN, ("agent",)),
    Page("POST", "agent-start", Role.ADMIN, ("agent",)),
    Page("GET", "agent-archive", Role.ADMIN, ("agent",)),
    Page("POST", "agent-archive", Role.ADMIN, ("agent",)),
    Page("GET", "agent-versions", Role.VIEWER, ("agent",)),
    Page("GET", "agent-compare", Role.VIEWER, ("agent",)),
    Page("GET", "environments", Role.VIEWER),
    Page("GET", "environment-new", Role.ADMIN),
    Page("POST", "environment-new", Role.ADMIN),
    Page("GET", "environment", Role.VIEWER, ("environment",)),
    Page("GET", "environment-edit", Role.ADMIN, ("environment",)),
    Page("POST", "environment-edit", Role.ADMIN, ("environment",)),
    Page("GET", "environment-archive", Role.ADMIN, ("environment",)),
    Page("POST", "environment-archive", Role.ADMIN, ("environment",)),
    Page("GET", "environment-delete", Role.ADMIN, ("environment",)),
    Page("POST", "environment-delete", Role.ADMIN, ("environment",)),
    Page("POST", "environment-key-new", Role.ADMIN, ("environment",)),
    Page("GET", "environment-key-revoke", Role.ADMIN, ("own_environment", "environment_key")),
    Page("POST", "environment-key-revoke", Role.ADMIN, ("own_environment", "environment_key")),
    Page("GET", "deployments", Role.VIEWER),
    Page("GET", "deployment-new", Role.ADMIN),
    Page("POST", "deployment-new", Role.ADMIN),
    Page("GET", "deployment-preview", Role.VIEWER),
    Page("GET", "deployment", Role.VIEWER, ("deployment",)),
    Page("GET", "deployment-edit", Role.ADMIN, ("deployment",)),
    Page("POST", "deployment-edit", Role.ADMIN, ("deployment",)),
    Page("POST", "deployment-run", Role.ADMIN, ("deployment",)),
    Page("POST", "deployment-pause", Role.ADMIN, ("deployment",)),
    Page("POST", "deployment-unpause", Role.ADMIN, ("deployment",)),
    Page("GET", "deployment-archive", Role.ADMIN, ("deployment",)),
    Page("POST", "deployment-archive", Role.ADMIN, ("deployment",)),
    Page("GET", "files", Role.VIEWER),
    Page("GET", "file-upload", Role.ADMIN),
    Page("POST", "file-upload", Role.ADMIN),
    Page("GET", "file-download", Role.VIEWER, ("file",)),
    Page("GET", "file-delete", Role.ADMIN, ("file",)),
    Page("POST", "file-delete", Role.ADMIN, ("file",)),
    Page("GET", "skills", Role.VIEWER),
    Page("GET", "skill-new", Role.ADMIN),
    Page("POST", "skill-new", Role.ADMIN),
    Page("GET", "skill", Role.VIEWER, ("skill",)),
    Page("GET", "skill-upload", Role.ADMIN, ("skill",)),
    Page("POST", "skill-upload", Role.ADMIN, ("skill",)),
    Page("GET", "skill-delete", Role.ADMIN, ("skill",)),
    Page("POST", "skill-delete", Role.ADMIN, ("skill",)),
    Page("GET", "skill-version", Role.VIEWER, ("skill", "skill_version")),
    Page("GET", "skill-download", Role.VIEWER, ("skill", "skill_version")),
    Page("GET", "skill-version-delete", Role.ADMIN, ("skill", "skill_version")),
    Page("POST", "skill-version-delete", Role.ADMIN, ("skill", "skill_version")),
    Page("GET", "sessions", Role.VIEWER),
    Page("GET", "session", Role.VIEWER, ("session",)),
    Page("POST", "session-send", Role.ADMIN, ("session",)),
    Page("POST", "session-interrupt", Role.ADMIN, ("session",)),
    Page("POST", "session-confirm", Role.ADMIN, ("session",)),
    Page("POST", "session-answer", Role.ADMIN, ("session",)),
    Page("POST", "session-verdict", Role.REVIEWER, ("session",)),
    Page("POST", "session-budget", Role.ADMIN, ("session",)),
    Page("GET", "vaults", Role.VIEWER),
    Page("GET", "vault-new", Role.ADMIN),
    Page("POST", "vault-new", Role.ADMIN),
    Page("GET", "vault", Role.VIEWER, ("vault",)),
    Page("GET", "vault-edit", Role.ADMIN, ("vault",)),
    Page("POST", "vault-edit", Role.ADMIN, ("vault",)),
    Page("GET", "vault-archive", Role.ADMIN, ("vault",)),
    Page("POST", "vault-archive", Role.ADMIN, ("vault",)),
    Page("GET", "vault-delete", Role.ADMIN, ("vault",)),
    Page("POST", "vault-delete", Role.ADMIN, ("vault",)),
    Page("GET", "credential-new", Role.ADMIN, ("vault",)),
    Page("POST", "credential-new", Role.ADMIN, ("vault",)),
    Page("GET", "credential-edit", Role.ADMIN, ("vault", "credential")),
    Page("POST", "credential-edit", Role.ADMIN, ("vault", "credential")),
    Page("POST", "credential-check", Role.ADMIN, ("vault", "credential")),
    Page("GET", "credential-archive", Role.ADMIN, ("vault", "credential")),
    Page("POST", "credential-archive", Role.ADMIN, ("vault", "credential")),
    Page("GET", "credential-delete", Role.ADMIN, ("vault", "credential")),
    Page("POST", "credential-delete", Role.ADMIN, ("vault", "credential")),
    Page("GET", "webhooks", Role.VIEWER),
    Page("GET", "webhook-new", Role.ADMIN),
    Page("POST", "webhook-new", Role.ADMIN),
    Page("GET", "webhook", Role.VIEWER, ("endpoint",)),
    Page("GET", "webhook-edit", Role.ADMIN, ("endpoint",)),
    Page("POST", "webhook-edit", Role.ADMIN, ("endpoint",)),
    Page("POST", "webhook-state", Role.ADMIN, ("endpoint",)),
    Page("GET", "webhook-secret", Role.ADMIN, ("endpoint",)),
    Page("POST", "webhook-secret", Role.ADMIN, ("endpoint",)),
    Page("GET", "webhook-delete", Role.ADMIN, ("endpoint",)),
    Page("POST", "webhook-delete", Role.ADMIN, ("endpoint",)),
    Page("GET", "memory", Role.VIEWER),
    Page("GET", "store", Role.VIEWER, ("store",)),
    Page("GET", "store-new", Role.ADMIN),
    Page("POST", "store-new", Role.ADMIN),
    Page("GET", "store-edit", Role.ADMIN, ("store",)),
    Page("POST", "store-edit", Role.ADMIN, ("store",)),
    Page("GET", "store-archive", Role.ADMIN, ("store",)),
    Page("POST", "store-archive", Role.ADMIN, ("store",)),
    Page("GET", "store-delete", Role.ADMIN, ("store",)),
    Page("POST", "store-delete", Role.ADMIN, ("store",)),
    Page("GET", "memory-compare", Role.VIEWER, ("store",)),
    Page("GET", "memory-new", Role.ADMIN, ("store",)),
    Page("POST", "memory-new", Role.ADMIN, ("store",)),
    Page("GET", "memory-edit", Role.ADMIN, ("store", "memory")),
    Page("POST", "memory-edit", Role.ADMIN, ("store", "memory")),
    Page("GET", "memory-delete", Role.ADMIN, ("store", "memory")),
    Page("POST", "memory-delete", Role.ADMIN, ("store", "memory")),
    Page("GET", "memory-file", Role.VIEWER, ("store", "memory")),
    Page("GET", "memory-history", Role.VIEWER, ("store", "memory")),
    Page("GET", "memory-version", Role.VIEWER, ("store", "version")),
    Page("GET", "version-redact", Role.ADMIN, ("store", "version")),
    Page("POST", "version-redact", Role.ADMIN, ("store", "version")),
    Page("GET", "inbox", Role.VIEWER),
    Page("GET", "proposal", Role.VIEWER, ("proposal",)),
    Page("POST", "proposal-approve", Role.REVIEWER, ("proposal",)),
    Page("POST", "proposal-edit", Role.REVIEWER, ("proposal",)),
    Page("POST", "proposal-reject", Role.REVIEWER, ("proposal",)),
    Page("POST", "proposal-release", Role.REVIEWER, ("proposal",)),
    Page("POST", "proposal-undo", Role.REVIEWER, ("proposal",)),
    Page("GET", "dreams", Role.VIEWER),
    Page("GET", "dream-new", Role.REVIEWER),
    Page("POST", "dream-new", Role.REVIEWER),
    Page("GET", "dream", Role.VIEWER, ("dream",)),
    Page("GET", "dream-manifest", Role.VIEWER, ("dream",)),
    Page("POST", "dream-cancel", Role.REVIEWER, ("dream",)),
    Page("POST", "dream-archive", Role.REVIEWER, ("dream",)),
    Page("GET", "dream-policies", Role.VIEWER),
    Page("GET", "dream-policy-new", Role.ADMIN),
    Page("POST", "dream-policy-new", Role.ADMIN),
    Page("GET", "dream-policy-preview", Role.VIEWER),
    Page("GET", "dream-policy", Role.VIEWER, ("policy",)),
    Page("GET", "dream-policy-edit", Role.ADMIN, ("policy",)),
    Page("POST", "dream-policy-edit", Role.ADMIN, ("policy",)),
    Page("POST", "dream-policy-run", Role.REVIEWER, ("policy",)),
    Page("POST", "dream-policy-pause", Role.ADMIN, ("policy",)),
    Page("POST", "dream-policy-resume", Role.ADMIN, ("policy",)),
    Page("GET", "dream-policy-archive", Role.ADMIN, ("policy",)),
    Page("POST", "dream-policy-archive", Role.ADMIN, ("policy",)),
    Page("POST", "demo-run", Role.REVIEWER),
]
FOR_EVERYBODY = {"login", "logout", "preferences", "openapi", "api-page", "welcome"}
WHO = {"as_bob": Role.VIEWER, "as_rita": Role.REVIEWER, "as_alice": Role.ADMIN}
RANKS = [Role.VIEWER, Role.REVIEWER, Role.ADMIN]
by_name = pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.method} {page.name}")


@pytest.fixture(scope="module")
def ids(world):
    return one_of_each(world.actor)


@pytest.fixture(scope="module")
def strangers_ids(world):
    return one_of_each(world.stranger)


def one_of_each(actor):
    """The id of one object of every kind in the actor's workspace, by the names that the pages use."""
    store, session = make_store(actor), make_session(actor)
    proposal = make_proposal(actor, store)
    skill = make_skill(actor)
    memory = Memory.objects.get(store=store)
    vault = create_vault({"display_name": "Keys"}, actor=actor)
    person = add_member(actor.workspace, User.objects.create_user(f"mona of {actor.workspace}"), Role.VIEWER)
    environment = create_environment({"name": "deployed"}, actor=actor)
    deployed = create_agent({"name": "deployed", "model": "m"}, actor=actor)
    recipe = {"agent": deployed.pk, "environment_id": environment.pk, "initial_events": [MESSAGE]}
    ours = create_environment({"name": "ours", "config": {"type": "self_hosted"}}, actor=actor)
    return {
        "own_environment": ours.pk,
        "environment_key": issue_environment_key(ours, "box")[0].pk,
        "deployment": create_deployment({"name": "Report", **recipe}, actor=actor).pk,
        "member": person.pk,
        "key": issue_api_key(actor.workspace, "a program")[0].pk,
        "file": make_upload(actor).pk,
        "vault": vault.pk,
        "credential": create_credential(vault, {"auth": BEARER}, actor=actor).pk,
        "endpoint": create_endpoint(ENDPOINT, actor=actor)[0].pk,
        "agent": session.agent_id,
        "environment": session.environment_id,
        "session": session.pk,
        "skill": skill.pk,
        "skill_version": skill.latest_version_id,
        "store": store.pk,
        "memory": memory.pk,
        "version": memory.head_version_id,
        "proposal": proposal.pk,
        "dream": proposal.review.dream_id,
        "policy": create_policy({"memory_store_id": store.pk}, actor=actor).pk,
        "price": set_price("m", date(2026, 11, 1), dict.fromkeys(RATES, Decimal(1)), actor=actor).pk,
    }


def visit(client, page: Page, ids: dict[str, str]):
    return client.generic(page.method, reverse(page.name, args=[ids[name] for name in page.holds]))


def test_the_matrix_has_every_page():
    found = {pattern.name for pattern in patterns(get_resolver())}
    assert found - FOR_EVERYBODY == {page.name for page in PAGES}


def patterns(resolver):
    for pattern in resolver.url_patterns:
        if not isinstance(pattern, URLResolver):
            yield pattern
        elif not pattern.namespace and not re.match(r"admin/|v1/", str(pattern.pattern)):
            yield from patterns(pattern)


@by_name
@pytest.mark.parametrize("who", WHO)
def test_a_role_opens_what_is_its_own(ids, request, page, who):
    may = RANKS.index(WHO[who]) >= RANKS.index(page.role)
    response = visit(request.getfixturevalue(who), page, ids)
    assert (response.status_code != 403) == may
    assert response.status_code < 500


@by_name
def test_who_is_not_signed_in_is_asked_to(ids, client, page):
    response = visit(client, page, ids)
    assert response.status_code == 302
    assert response.url.startswith(reverse("login"))


@pytest.mark.parametrize("page", [page for page in PAGES if page.holds], ids=lambda page: f"{page.method} {page.name}")
def test_an_admin_of_another_workspace_finds_nothing(ids, as_charlie, page):
    assert visit(as_charlie, page, ids).status_code == 404


NESTED = [page for page in PAGES if len(page.holds) > 1]


@pytest.mark.parametrize("page", NESTED, ids=lambda page: f"{page.method} {page.name}")
def test_a_strangers_own_object_leads_to_nothing_of_ours(ids, strangers_ids, as_charlie, page):
    for name in page.holds:
        assert visit(as_charlie, page, {**strangers_ids, name: ids[name]}).status_code == 404, name


def test_a_page_takes_no_method_that_the_matrix_leaves_out(ids, as_alice):
    listed = {(page.method, page.name) for page in PAGES}
    for page in {page.name: page for page in PAGES}.values():
        for method in {"GET", "POST"} - {method for method, name in listed if name == page.name}:
            response = visit(as_alice, page._replace(method=method), ids)
            is_page_above = response.status_code == 302 and response.url == above(page, ids)
            assert response.status_code == 405 or is_page_above, (method, page.name)


def above(page: Page, ids: dict[str, str]) -> str:
    """Where an action's address leads that somebody opened as a page: to the thing that it acts on."""
    return reverse(page.name, args=[ids[name] for name in page.holds]).rstrip("/").rpartition("/")[0] + "/"


def test_who_was_removed_is_refused_everywhere(ids, bob, as_bob, actor):
    remove_member(bob, actor=actor)
    assert {visit(as_bob, page, ids).status_code for page in PAGES if page.name != "password"} == {403}
