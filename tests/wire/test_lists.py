"""What all lists have in common: their sizes, their filters as the official client names them, and their bounds."""

import inspect
import re

import anthropic
import pytest

from agents.api.examples import EXAMPLES
from tests.wire.conftest import Caller

ARRAYS = ("statuses", "types", "ids", "event_deltas")
LISTS = {name: example.method for name, example in EXAMPLES.items() if example.method.endswith(".list")}
NOT_FILTERS = {"self", "betas", "workspace_id", "extra_headers", "extra_query", "extra_body", "timeout"}
MOST = {"deployment_runs": 1000, "files": 1000, "skills": 1000, "organizations/webhooks": 100}
TOP = sorted(name.removeprefix("GET /") for name in LISTS if "{" not in name)


@pytest.mark.parametrize(("operation", "method"), LISTS.items())
def test_every_filter_of_the_client_is_one_of_ours(client, operation, method):
    found = anthropic.Anthropic(api_key="none", base_url="http://localhost")
    for name in method.split("."):
        found = getattr(found, name)
    places = set(re.findall(r"{(\w+)}", inspect.getsource(found)))
    asked = {spelled(name) for name in inspect.signature(found).parameters if name not in NOT_FILTERS | places}
    paths = client.get("/v1/openapi.json").json()["paths"]
    path = operation.removeprefix("GET ")
    (described,) = (
        methods["get"]
        for one, methods in paths.items()
        if re.sub(r"{\w+}", "{}", one) == re.sub(r"{\w+}", "{}", f"/v1{path}")
    )
    assert asked - {one["name"] for one in described["parameters"]} == set()


@pytest.mark.parametrize("path", TOP)
def test_a_list_holds_what_is_asked_for_within_bounds(call, path):
    most = MOST.get(path, 100)
    assert call("GET", f"{path}?limit={most}").status_code == 200
    wrong = [most + 1, -1, "x", "1.0", 10**30, *([] if path == "organizations/webhooks" else [0])]
    answers = {limit: call("GET", f"{path}?limit={limit}") for limit in wrong}
    assert {limit: one.status_code for limit, one in answers.items()} == dict.fromkeys(wrong, 400)
    assert {one.json()["error"]["message"].split(":")[0] for one in answers.values()} == {"limit"}


def test_the_document_says_what_every_list_takes(call, client, places):
    wrong = []
    for path, parameters in lists_of(client):
        address = path.format(**places)
        for parameter in parameters:
            name, schema = parameter["name"], parameter["schema"]
            one = schema.get("items", schema)
            bounds = [schema["minimum"], schema["maximum"]] if one["type"] == "integer" else []
            right = [
                *one.get("enum", []),
                *(bounds if name != "agent_version" else []),
            ]  # that needs an agent beside it
            refused = ["nonsense"] if "enum" in one or one["type"] != "string" or "format" in one else []
            refused += [bounds[0] - 1, bounds[1] + 1] if bounds else []
            asked = {value: call("GET", f"{address}?{name}={value}").status_code for value in (*right, *refused)}
            expected = {**dict.fromkeys(right, 200), **dict.fromkeys(refused, 400)}
            wrong += [(path, name, value, asked[value]) for value in asked if asked[value] != expected[value]]
    assert wrong == []


def test_a_refused_choice_names_those_there_are(call):
    message = call("GET", "deployments?status=resting").json()["error"]["message"]
    assert message == "status: 'resting' is not allowed; use active, paused."


@pytest.mark.parametrize("path", [path for path in TOP if path != "organizations/webhooks"])
def test_an_empty_list_ends_at_once_and_takes_no_cursor_of_another(call, stranger_key, path):
    assert Caller(stranger_key)("GET", path).json()["data"] == []
    assert call("GET", path).json()["next_page"] is None
    for cursor in ("page_x", "x", "page_"):
        assert call("GET", f"{path}?page={cursor}").status_code == 400


@pytest.mark.parametrize("moment", ["2026-01-01T00:00:00Z", "2026-01-01T01:00:00.5%2B01:00", "2026-01-01"])
def test_a_bound_is_a_time_in_any_spelling_of_rfc_3339(call, session, moment):
    assert len(call("GET", f"sessions?created_at%5Bgt%5D={moment}").json()["data"]) == 1
    assert call("GET", f"sessions?created_at[lt]={moment}").json()["data"] == []


@pytest.mark.parametrize("query", ["limit=", "page=", "include_archived=", "order=", "source=", "created_at[gte]="])
def test_a_parameter_that_the_typescript_client_was_given_as_null_is_not_given(call, query):
    assert {path: call("GET", f"{path}?{query}").status_code for path in TOP} == dict.fromkeys(TOP, 200)


@pytest.mark.parametrize("query", ["beta=true", "no_such_filter=1"])
def test_what_no_list_knows_is_ignored(call, query):
    assert {path: call("GET", f"{path}?{query}").status_code for path in TOP} == dict.fromkeys(TOP, 200)


@pytest.fixture
def places(wire, agent, session, store, environment):
    """An object for every id in the address of a list."""
    vault, policy = wire.beta.vaults.create(display_name="v"), {"agent_id": agent.id, "memory_store_id": store.id}
    made = wire.post("/v1/dream_policies", cast_to=object, body=policy)
    skill = wire.skills.create(files=[("a/SKILL.md", b"---\nname: a\ndescription: b\n---\nc")])
    (thread,) = wire.beta.sessions.threads.list(session.id)
    return {
        "agent_id": agent.id,
        "session_id": session.id,
        "thread_id": thread.id,
        "store_id": store.id,
        "environment_id": environment.id,
        "vault_id": vault.id,
        "skill_id": skill.id,
        "policy_id": made["id"],
    }


def lists_of(client):
    """The lists that an API key may ask for, with their query parameters."""
    paths = client.get("/v1/openapi.json").json()["paths"]
    for path, methods in paths.items():
        parameters = [one for one in methods.get("get", {}).get("parameters", []) if one["in"] == "query"]
        if any(one["name"] == "limit" for one in parameters) and not path.endswith("/work"):
            yield path.removeprefix("/v1/"), parameters


def spelled(name):
    if name.startswith("created_at_"):
        return f"created_at[{name.removeprefix('created_at_')}]"
    return f"{name}[]" if name in ARRAYS else name
