"""Who may call what: every route with the scope that it takes, and nothing crosses workspaces: to a stranger's key
every id of ours is missing."""

import json
import re
from typing import NamedTuple

import pytest
from django.urls import URLResolver, get_resolver

from agents.models import OutboxEvent, Scope
from agents.services.api_keys import issue_api_key, revoke_api_key
from agents.services.webhooks import create_endpoint
from dreams.policies import create_policy
from tests.agents.skills import make_skill
from tests.conftest import in_process_client
from tests.pages.reviews import make_proposal, make_store
from tests.shared_world import *  # noqa: F403
from tests.wire.conftest import Caller, strict
from tests.wire.work import make_work

pytestmark = pytest.mark.django_db

MESSAGE = {"type": "user.message", "content": [{"type": "text", "text": "Hello"}]}
DEPLOYMENT = {
    "name": "Report",
    "agent": "{agent}",
    "environment_id": "{environment}",
    "initial_events": [MESSAGE],
}
INPUTS = [
    {"type": "memory_store", "memory_store_id": "{store}"},
    {"type": "sessions", "session_ids": ["{session}"]},
]
STORE, MEMORY = "memory_stores/{store}", "memory_stores/{store}/memories/{memory}"
SKILL_VERSION = "skills/{skill}/versions/{skill_version}"
VERSION = "memory_stores/{store}/memory_versions/{version}"
THREAD, RESOURCE = "sessions/{session}/threads/{thread}", "sessions/{session}/resources/{resource}"

CREDENTIAL = "vaults/{vault}/credentials/{credential}"
BEARER = {"type": "static_bearer", "mcp_server_url": "https://a.example", "token": "x"}
ENDPOINT = {"url": "https://a.example.com", "enabled_events": ["vault.created"]}


class Route(NamedTuple):
    """One operation, the scope that a key needs for it, and a body that it takes."""

    method: str
    path: str
    scope: str
    body: object = None


ROUTES = [
    Route("GET", "agents", Scope.READ),
    Route("POST", "agents", Scope.WRITE, {"name": "Bea", "model": "m"}),
    Route("GET", "agents/{agent}", Scope.READ),
    Route("POST", "agents/{agent}", Scope.WRITE, {"system": "x"}),
    Route("POST", "agents/{agent}/archive", Scope.WRITE),
    Route("GET", "agents/{agent}/versions", Scope.READ),
    Route("GET", "environments", Scope.READ),
    Route("POST", "environments", Scope.WRITE, {"name": "another"}),
    Route("GET", "environments/{environment}", Scope.READ),
    Route("POST", "environments/{environment}", Scope.WRITE, {"name": "another"}),
    Route("DELETE", "environments/{environment}", Scope.WRITE),
    Route("POST", "environments/{environment}/archive", Scope.WRITE),
    Route("GET", "environments/{environment}/work/stats", Scope.READ),
    Route("GET", "environments/{environment}/work/{work}", Scope.READ),
    Route("POST", "environments/{environment}/work/{work}", Scope.WRITE, {"metadata": {}}),
    Route("POST", "environments/{environment}/work/{work}/stop", Scope.WRITE),
    Route("GET", "files", Scope.READ),
    Route("POST", "files", Scope.WRITE),
    Route("GET", "files/{file}", Scope.READ),
    Route("GET", "files/{file}/content", Scope.READ),
    Route("DELETE", "files/{file}", Scope.WRITE),
    Route("GET", "sessions", Scope.READ),
    Route("POST", "sessions", Scope.WRITE, {"agent": "{agent}", "environment_id": "{environment}"}),
    Route("POST", "sessions/import", Scope.WRITE, {"agent": "Old", "transcripts": []}),
    Route("GET", "sessions/{session}", Scope.READ),
    Route("POST", "sessions/{session}", Scope.WRITE, {"title": "x"}),
    Route("DELETE", "sessions/{session}", Scope.WRITE),
    Route("POST", "sessions/{session}/archive", Scope.WRITE),
    Route("GET", "sessions/{session}/events", Scope.READ),
    Route("POST", "sessions/{session}/events", Scope.WRITE, {"events": [MESSAGE]}),
    Route("GET", "sessions/{session}/verdicts", Scope.READ),
    Route("POST", "sessions/{session}/verdict", Scope.WRITE, {"result": "completed"}),
    Route("POST", "sessions/{session}/escalate", Scope.WRITE),
    Route("GET", "sessions/{session}/resources", Scope.READ),
    Route("POST", "sessions/{session}/resources", Scope.WRITE, {"type": "file", "file_id": "file_1"}),
    Route("GET", RESOURCE, Scope.READ),
    Route("POST", RESOURCE, Scope.WRITE, {"authorization_token": "x"}),
    Route("DELETE", RESOURCE, Scope.WRITE),
    Route("GET", "sessions/{session}/threads", Scope.READ),
    Route("GET", THREAD, Scope.READ),
    Route("GET", f"{THREAD}/events", Scope.READ),
    Route("POST", f"{THREAD}/archive", Scope.WRITE),
    Route("GET", "deployments", Scope.READ),
    Route("POST", "deployments", Scope.WRITE, DEPLOYMENT),
    Route("GET", "deployments/{deployment}", Scope.READ),
    Route("POST", "deployments/{deployment}", Scope.WRITE, {"name": "x"}),
    Route("POST", "deployments/{deployment}/pause", Scope.WRITE),
    Route("POST", "deployments/{deployment}/unpause", Scope.WRITE),
    Route("POST", "deployments/{deployment}/run", Scope.WRITE),
    Route("POST", "deployments/{deployment}/archive", Scope.WRITE),
    Route("GET", "deployment_runs", Scope.READ),
    Route("GET", "deployment_runs/{run}", Scope.READ),
    Route("GET", "audit_events", Scope.READ),
    Route("GET", "skills", Scope.READ),
    Route("POST", "skills", Scope.WRITE),
    Route("GET", "skills/{skill}", Scope.READ),
    Route("DELETE", "skills/{skill}", Scope.WRITE),
    Route("GET", "skills/{skill}/versions", Scope.READ),
    Route("POST", "skills/{skill}/versions", Scope.WRITE),
    Route("GET", SKILL_VERSION, Scope.READ),
    Route("DELETE", SKILL_VERSION, Scope.WRITE),
    Route("GET", f"{SKILL_VERSION}/content", Scope.READ),
    Route("GET", "vaults", Scope.READ),
    Route("POST", "vaults", Scope.WRITE, {"display_name": "x"}),
    Route("GET", "vaults/{vault}", Scope.READ),
    Route("POST", "vaults/{vault}", Scope.WRITE, {"display_name": "x"}),
    Route("DELETE", "vaults/{vault}", Scope.WRITE),
    Route("POST", "vaults/{vault}/archive", Scope.WRITE),
    Route("GET", "vaults/{vault}/credentials", Scope.READ),
    Route("POST", "vaults/{vault}/credentials", Scope.WRITE, {"auth": BEARER}),
    Route("GET", CREDENTIAL, Scope.READ),
    Route("POST", CREDENTIAL, Scope.WRITE, {"display_name": "x"}),
    Route("DELETE", CREDENTIAL, Scope.WRITE),
    Route("POST", f"{CREDENTIAL}/archive", Scope.WRITE),
    Route("POST", f"{CREDENTIAL}/mcp_oauth_validate", Scope.WRITE),
    Route("GET", "organizations/webhooks", Scope.READ),
    Route("POST", "organizations/webhooks", Scope.WRITE, ENDPOINT),
    Route("GET", "organizations/webhooks/{endpoint}", Scope.READ),
    Route("POST", "organizations/webhooks/{endpoint}", Scope.WRITE, {"name": "x"}),
    Route("DELETE", "organizations/webhooks/{endpoint}", Scope.WRITE),
    Route("POST", "organizations/webhooks/{endpoint}/regenerate_signing_secret", Scope.WRITE),
    Route("GET", "costs", Scope.READ),
    Route("GET", "operations", Scope.READ),
    Route("GET", "memory_stores", Scope.READ),
    Route("POST", "memory_stores", Scope.WRITE, {"name": "x"}),
    Route("GET", STORE, Scope.READ),
    Route("POST", STORE, Scope.WRITE, {"name": "x"}),
    Route("DELETE", STORE, Scope.WRITE),
    Route("POST", f"{STORE}/archive", Scope.WRITE),
    Route("GET", f"{STORE}/memories", Scope.READ),
    Route("POST", f"{STORE}/memories", Scope.WRITE, {"path": "/x", "content": ""}),
    Route("GET", MEMORY, Scope.READ),
    Route("POST", MEMORY, Scope.WRITE, {"content": "x"}),
    Route("DELETE", MEMORY, Scope.WRITE),
    Route("GET", f"{STORE}/memory_versions", Scope.READ),
    Route("GET", VERSION, Scope.READ),
    Route("POST", f"{VERSION}/redact", Scope.WRITE),
    Route("GET", "dreams", Scope.READ),
    Route("POST", "dreams", Scope.WRITE, {"inputs": INPUTS, "model": "m"}),
    Route("GET", "dreams/{dream}", Scope.READ),
    Route("POST", "dreams/{dream}/cancel", Scope.WRITE),
    Route("POST", "dreams/{dream}/archive", Scope.WRITE),
    Route("GET", "dream_policies", Scope.READ),
    Route("POST", "dream_policies", Scope.WRITE, {"memory_store_id": "{store}"}),
    Route("GET", "dream_policies/{policy}", Scope.READ),
    Route("POST", "dream_policies/{policy}", Scope.WRITE, {"enabled": False}),
    Route("POST", "dream_policies/{policy}/archive", Scope.WRITE),
    Route("POST", "dream_policies/{policy}/run", Scope.WRITE),
    Route("GET", "dream_policies/{policy}/runs", Scope.READ),
    Route("GET", "reviews", Scope.READ),
    Route("GET", "reviews/{review}", Scope.READ),
    Route("GET", "proposals", Scope.READ),
    Route("GET", "proposals/{proposal}", Scope.READ),
    Route("POST", "proposals/{proposal}/approve", Scope.REVIEW, {}),
    Route("POST", "proposals/{proposal}/reject", Scope.REVIEW, {"reason_code": "wrong"}),
    Route("POST", "proposals/{proposal}/undo", Scope.REVIEW, {}),
    Route("POST", "proposals/{proposal}/release", Scope.REVIEW, {"reason": "x"}),
]


# Calls of workers; which of their credentials may make them is in tests/wire/test_work.py.
WORK = "environments/{environment}/work"
OF_WORKERS = [
    Route("GET", f"{WORK}/poll", Scope.READ),
    Route("GET", WORK, Scope.READ),
    Route("POST", f"{WORK}/{{work}}/ack", Scope.WRITE),
    Route("POST", f"{WORK}/{{work}}/heartbeat", Scope.WRITE),
]


def names_in(route: Route) -> set[str]:
    """What the address and the body name."""
    return set(re.findall(r"{(\w+)}", f"{route.path} {json.dumps(route.body)}"))


ADDRESSED = [route for route in ROUTES if names_in(route)]
NESTED = [route for route in ADDRESSED if len(names_in(route)) > 1]
by_name = pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
by_nesting = pytest.mark.parametrize("route", NESTED, ids=lambda route: f"{route.method} {route.path}")
by_address = pytest.mark.parametrize("route", ADDRESSED, ids=lambda route: f"{route.method} {route.path}")


def one_of_each(client, actor):
    """The id of one object of every kind in the actor's workspace, by the names that the routes use."""
    agent = client.beta.agents.create(name="Ann", model="m")
    environment = client.beta.environments.create(name="box")
    session = client.beta.sessions.create(agent=agent.id, environment_id=environment.id)
    deployment = client.beta.deployments.create(
        name="Report", agent=agent.id, environment_id=environment.id, initial_events=[MESSAGE]
    )
    store = client.beta.memory_stores.create(name="Field notes")
    memory = client.beta.memory_stores.memories.create(store.id, path="/a", content="one")
    proposal = make_proposal(actor, make_store(actor))
    vault = client.beta.vaults.create(display_name="Keys")
    skill = make_skill(actor)
    return {
        "agent": agent.id,
        "environment": environment.id,
        "work": make_work(environment.id).pk,
        "file": client.files.upload(file=b"x").id,
        "session": session.id,
        "deployment": deployment.id,
        "run": client.beta.deployments.run(deployment.id).id,
        "thread": client.beta.sessions.threads.list(session.id).data[0].id,
        "resource": "sesrsc_x",
        "skill": skill.pk,
        "skill_version": skill.latest_version_id,
        "store": store.id,
        "memory": memory.id,
        "version": memory.memory_version_id,
        "dream": proposal.review.dream_id,
        "policy": create_policy({"memory_store_id": store.id}, actor=actor).pk,
        "review": proposal.review_id,
        "proposal": proposal.pk,
        "vault": vault.id,
        "credential": client.beta.vaults.credentials.create(vault.id, auth=BEARER).id,
        "endpoint": create_endpoint(ENDPOINT, actor=actor)[0].pk,
    }


@pytest.fixture(scope="module")
def ids(world):
    with in_process_client(world.api_key) as client:
        return one_of_each(strict(client), world.actor)


@pytest.fixture(scope="module")
def strangers_ids(world):
    with in_process_client(world.stranger_key) as client:
        return one_of_each(strict(client), world.stranger)


def filled(text: str, ids: dict[str, str]) -> str:
    for name, value in ids.items():
        text = text.replace(f"{{{name}}}", value)
    return text


def answer(key: str, route: Route, ids: dict[str, str]):
    body = None if route.body is None else filled(json.dumps(route.body), ids)
    return Caller(key)(route.method, filled(route.path, ids), body)


# Event streams are answered outside of Django; who may hear them is in tests/agents/test_event_streams.py.
STREAMS = {("GET", "/v1/sessions/{}/events/stream"), ("GET", "/v1/sessions/{}/threads/{}/stream")}


def test_the_matrix_has_every_route(client):
    document = client.get("/v1/openapi.json").json()["paths"]
    served = {(method.upper(), nameless(path)) for path, methods in document.items() for method in methods}
    assert served - STREAMS == {(route.method, nameless(f"/v1/{route.path}")) for route in [*ROUTES, *OF_WORKERS]}


def test_no_address_is_served_beside_the_matrix():
    known = {nameless(f"/v1/{route.path}") for route in [*ROUTES, *OF_WORKERS]} | {path for _, path in STREAMS}
    served = {f"/v1/{re.sub('<[^>]+>', '{}', str(pattern.pattern))}" for pattern in flat(get_resolver("config.api"))}
    assert served - {"/v1/openapi.json", "/v1/docs", "/v1/", "/v1/{}"} <= known


def flat(resolver):
    for pattern in resolver.url_patterns:
        yield from flat(pattern) if isinstance(pattern, URLResolver) else [pattern]


def nameless(path: str) -> str:
    return re.sub(r"{\w+}", "{}", path)


@by_name
def test_a_key_with_every_other_scope_is_refused(ids, workspace, route):
    # An operator's key is trusted in what it says, which opens no route.
    before = OutboxEvent.objects.count()
    _, key = issue_api_key(workspace, "other", scopes=[scope for scope in Scope if scope != route.scope])
    response = answer(key, route, ids)
    assert (response.status_code, response.json()["error"]["type"]) == (403, "permission_error")
    assert OutboxEvent.objects.count() == before


@by_name
def test_a_key_with_just_that_scope_is_let_through(ids, workspace, route):
    _, key = issue_api_key(workspace, "narrow", scopes=[route.scope])
    assert answer(key, route, ids).status_code in (200, 400, 404, 409)


@pytest.mark.parametrize("route", OF_WORKERS, ids=lambda route: f"{route.method} {route.path}")
def test_an_api_key_does_no_work(ids, api_key, route):
    response = answer(api_key, route, ids)
    assert (response.status_code, response.json()["error"]["type"]) == (403, "permission_error")


@by_address
def test_a_stranger_finds_nothing(ids, stranger_key, route):
    response = answer(stranger_key, route, ids)
    assert (response.status_code, response.json()["error"]["type"]) == (404, "not_found_error")


@by_nesting
def test_a_strangers_own_object_leads_to_nothing_of_ours(ids, strangers_ids, stranger_key, route):
    for name in names_in(route):
        response = answer(stranger_key, route, {**strangers_ids, name: ids[name]})
        assert (response.status_code, response.json()["error"]["type"]) == (404, "not_found_error"), name


@pytest.mark.parametrize("state", ["revoked", "unknown", "missing"])
def test_without_a_working_key_nothing_is_served(workspace, state):
    key, text = issue_api_key(workspace, "old", scopes=list(Scope))
    if state == "revoked":
        revoke_api_key(key)
    call = Caller({"revoked": text, "unknown": f"{text}x", "missing": ""}[state])
    answers = {call(route.method, re.sub(r"[{}]", "", route.path)).status_code for route in ROUTES}
    assert answers == {401}


@by_address
def test_an_id_that_never_was_is_missing_too(ids, api_key, route):
    missing = dict.fromkeys(ids, "nothing_01")
    assert answer(api_key, route, missing).status_code == 404


@by_address
def test_an_id_that_no_database_can_be_asked_for_is_missing_too(ids, api_key, route):
    response = answer(api_key, route, dict.fromkeys(ids, "%00"))
    assert response.status_code == 404


# Lists of what no workspace owns, and sums that have no ids.
SHARED = {"models", "costs", "operations"}
LISTS = [route.path for route in ROUTES if route.method == "GET" and "/" not in route.path and route.path not in SHARED]


@pytest.mark.parametrize("listing", LISTS)
def test_a_strangers_list_holds_nothing_of_ours(ids, call, stranger_key, listing):
    ours = {row["id"] for row in call("GET", listing).json()["data"]}
    theirs = {row["id"] for row in Caller(stranger_key)("GET", listing).json()["data"]}
    assert ours
    assert not ours & theirs


def test_a_memory_is_reached_through_its_own_store_only(wire, ids, call):
    other = wire.beta.memory_stores.create(name="other").id
    assert call("GET", f"memory_stores/{other}/memories/{ids['memory']}").status_code == 404
    assert call("GET", f"memory_stores/{other}/memory_versions/{ids['version']}").status_code == 404
