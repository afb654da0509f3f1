"""Nothing crosses workspaces: to a stranger's key every id of ours is missing, on every route."""

import json

import pytest

from tests.wire.conftest import Caller

MESSAGE = {"type": "user.message", "content": [{"type": "text", "text": "Hello"}]}
ROUTES = [
    ("GET", "agents/{agent}", None),
    ("POST", "agents/{agent}", {"system": "x"}),
    ("POST", "agents/{agent}/archive", None),
    ("GET", "agents/{agent}/versions", None),
    ("GET", "environments/{environment}", None),
    ("GET", "sessions/{session}", None),
    ("POST", "sessions/{session}/archive", None),
    ("GET", "sessions/{session}/events", None),
    ("POST", "sessions/{session}/events", {"events": [MESSAGE]}),
    ("POST", "sessions/{session}/verdict", {"result": "completed"}),
    ("POST", "sessions", {"agent": "{agent}", "environment_id": "{environment}"}),
    ("GET", "memory_stores/{store}", None),
    ("POST", "memory_stores/{store}", {"name": "x"}),
    ("POST", "memory_stores/{store}/archive", None),
    ("GET", "memory_stores/{store}/memories", None),
    ("POST", "memory_stores/{store}/memories", {"path": "/x", "content": ""}),
    ("GET", "memory_stores/{store}/memories/{memory}", None),
    ("POST", "memory_stores/{store}/memories/{memory}", {"content": "x"}),
    ("DELETE", "memory_stores/{store}/memories/{memory}", None),
    ("GET", "memory_stores/{store}/memory_versions", None),
    ("GET", "memory_stores/{store}/memory_versions/{version}", None),
    ("POST", "memory_stores/{store}/memory_versions/{version}/redact", None),
]


@pytest.fixture
def ids(wire, agent, environment, session, store):
    memory = wire.beta.memory_stores.memories.create(store.id, path="/a", content="one")
    return {
        "agent": agent.id,
        "environment": environment.id,
        "session": session.id,
        "store": store.id,
        "memory": memory.id,
        "version": memory.memory_version_id,
    }


def filled(text: str, ids: dict[str, str]) -> str:
    for name, value in ids.items():
        text = text.replace(f"{{{name}}}", value)
    return text


@pytest.mark.parametrize(("method", "path", "body"), ROUTES)
def test_a_stranger_finds_nothing(ids, stranger_key, method, path, body):
    response = Caller(stranger_key)(method, filled(path, ids), filled(json.dumps(body), ids) if body else None)
    assert (response.status_code, response.json()["error"]["type"]) == (404, "not_found_error")


@pytest.mark.parametrize(("method", "path", "body"), ROUTES)
def test_an_id_that_never_was_is_missing_in_the_same_words(ids, call, stranger_key, method, path, body):
    if not body or "{agent}" not in json.dumps(body):
        missing = dict.fromkeys(ids, "nothing_01")
        response = call(method, filled(path, missing), json.dumps(body) if body else None)
        assert response.status_code == 404


@pytest.mark.parametrize("listing", ["agents", "environments", "sessions", "memory_stores"])
def test_a_strangers_lists_are_empty(ids, call, stranger_key, listing):
    assert len(call("GET", listing).json()["data"]) == 1
    assert Caller(stranger_key)("GET", listing).json()["data"] == []


def test_a_memory_is_reached_through_its_own_store_only(wire, ids, call):
    other = wire.beta.memory_stores.create(name="other").id
    assert call("GET", f"memory_stores/{other}/memories/{ids['memory']}").status_code == 404
    assert call("GET", f"memory_stores/{other}/memory_versions/{ids['version']}").status_code == 404
