"""What every call gets right or wrong before an endpoint looks at it: key, version, beta, body, address."""

import base64
import json
import re

import anthropic
import pytest
from django.test import Client
from django.utils import timezone

from agents.api.auth import MANAGED_AGENTS
from agents.api.stream import match_api_stream
from agents.exceptions import DomainError
from agents.models import Agent, ApiKey, Scope
from agents.services.api_keys import issue_api_key, revoke_api_key

AGENT = json.dumps({"name": "Ann", "model": "m"})


def error(response):
    body = response.json()
    assert body["type"] == "error"
    assert body["request_id"] == response.headers["request-id"]
    assert response.headers["content-type"] == "application/json"
    return body["error"]


def test_every_answer_has_a_request_id(call, wire):
    assert call("GET", "agents").headers["request-id"].startswith("req_")
    assert wire.beta.agents.with_raw_response.list().headers["request-id"].startswith("req_")
    with pytest.raises(anthropic.NotFoundError) as refusal:
        wire.beta.agents.retrieve("agent_x")
    assert refusal.value.request_id.startswith("req_")


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": None},
        {"authorization": "Bearer"},
        {"authorization": "Bearer nonsense"},
        {"authorization": "Basic abc"},
        {"authorization": None, "x_api_key": "nonsense"},
    ],
)
def test_no_key_or_an_unknown_one_is_401(call, headers):
    response = call("GET", "agents", **headers)
    assert (response.status_code, error(response)["type"]) == (401, "authentication_error")


def test_a_key_may_come_in_either_header_and_not_in_both(call, api_key):
    assert call("GET", "agents", authorization=None, x_api_key=api_key).status_code == 200
    assert call("GET", "agents", x_api_key=api_key).status_code == 401


def test_a_revoked_key_opens_nothing(call, workspace):
    key, call.key = issue_api_key(workspace, "short-lived")
    assert call("GET", "agents").status_code == 200
    revoke_api_key(key)
    assert call("GET", "agents").status_code == 401


def test_a_reading_key_reads_and_does_not_write(call, workspace):
    _, call.key = issue_api_key(workspace, "reader", scopes=[Scope.READ])
    assert call("GET", "agents").status_code == 200
    response = call("POST", "agents", AGENT)
    assert (response.status_code, error(response)["type"]) == (403, "permission_error")
    assert not Agent.objects.exists()


def test_the_keys_last_use_is_noted(call):
    before = timezone.now()
    call("GET", "agents")
    assert ApiKey.objects.get(name="test key").last_used_at >= before


def test_the_workspace_header_must_name_the_keys_own_workspace(call, workspace, stranger_key):
    assert call("GET", "agents", anthropic_workspace_id=workspace.pk).status_code == 200
    response = call("GET", "agents", anthropic_workspace_id="wrkspc_x")
    assert (response.status_code, error(response)["type"]) == (403, "permission_error")


@pytest.mark.parametrize("version", [None, "yesterday"])
def test_a_known_version_must_be_named(call, version):
    response = call("GET", "agents", anthropic_version=version)
    assert (response.status_code, "anthropic-version" in error(response)["message"]) == (400, True)


def test_the_older_version_is_spoken_too(call):
    assert call("GET", "agents", anthropic_version="2023-06-01").status_code == 200


@pytest.mark.parametrize(
    ("path", "beta", "status"),
    [
        ("agents", None, 404),
        ("agents", "agent-memory-2026-07-22", 404),
        ("agents", "managed-agents-2026-04-01,dreaming-2026-04-21", 200),
        ("agents", "managed-agents-2026-04-01, no-such-beta", 400),
        ("environments", None, 404),
        ("sessions", None, 404),
        ("memory_stores", None, 404),
        ("memory_stores", "agent-memory-2026-07-22", 200),
        ("memory_stores", "managed-agents-2026-04-01", 200),
        ("memory_stores", "managed-agents-2026-04-01,agent-memory-2026-07-22", 400),
    ],
)
def test_each_group_asks_for_its_beta(call, path, beta, status):
    assert call("GET", path, anthropic_beta=beta).status_code == status


def test_betas_may_be_left_out_where_the_operator_says_so(call, settings):
    settings.REQUIRE_BETA_HEADERS = False
    assert call("GET", "agents", anthropic_beta=None).status_code == 200
    assert call("GET", "agents?beta=true", anthropic_beta=None).status_code == 200


HUGE_NUMBER = (
    '{"name": "Ann", "model": "m", "tools": [{"type": "custom", "name": "t", "description": "d",'
    ' "input_schema": {"type": "object", "x": %s}}]}'
)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('{"name": "Ann"', "The request body is not JSON"),
        ("[]", "The request body must be a JSON object"),
        (b"\xff", "The request body is not JSON"),
        ("", "model: Field required"),
        ('{"name": "Ann", "model": "m", "nmae": 1}', "nmae: Extra inputs are not permitted"),
        ('{"name": ["Ann"], "model": "m"}', "name: "),
        ('{"name": "a\\u0000", "model": "m"}', "name: the character U+0000"),
        ('{"name": "Ann", "model": []}', "model: "),
        (HUGE_NUMBER % "1e999", "tools.0.input_schema.x: NaN and Infinity"),
        (HUGE_NUMBER % ("9" * 400 + ".0"), "tools.0.input_schema.x: NaN and Infinity"),
        ('{"name": "' + "[" * 20 + '", "model": ' + "[" * 500 + "]" * 500 + "}", "The request body is not JSON"),
    ],
)
def test_a_bad_body_is_one_clear_400(call, body, message):
    response = call("POST", "agents", body)
    assert (response.status_code, error(response)["type"]) == (400, "invalid_request_error")
    assert error(response)["message"].startswith(message)


def test_a_body_above_32_mb_is_413(call):
    response = call("POST", "agents", b'{"name": "' + b"x" * 32 * 1024 * 1024 + b'"}')
    assert (response.status_code, error(response)["type"]) == (413, "request_too_large")


def forged(*key):
    return encoded(json.dumps(["agents", "desc", key, False]).encode())


def encoded(cursor):
    return "page_" + base64.urlsafe_b64encode(cursor).decode().rstrip("=")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("agents/%00", 404),
        ("agents/agent_x?version=99999999999999999999", 400),
        ("agents?page=%00", 400),
        ("agents?page=page_W10", 400),
        (f"agents?page={forged('0001-01-01T00:00:00+14:00', 'x')}", 400),
        (f"agents?page={forged('2026-01-01T00:00:00Z', chr(0))}", 400),
        (f"agents?page={forged('2026-01-01T00:00:00Z', chr(0xD800))}", 400),
        (f"agents?page={encoded(b'[' * 40_000)}", 400),
        ("agents?" + "a=1&" * 2_000, 400),
        ("agents?created_at[gte]=yesterday", 400),
        ("agents?created_at[gte]=0001-01-01T00:00:00%2B14:00", 400),
        ("agents?include_archived=perhaps", 400),
        ("sessions?agent_id=%00", 400),
        ("sessions?statuses[]=asleep", 400),
    ],
)
def test_a_hostile_query_is_refused_and_never_a_fault(call, path, status):
    response = call("GET", path)
    assert (response.status_code, error(response)["type"]) == (
        status,
        "not_found_error" if status == 404 else "invalid_request_error",
    )


def test_a_version_that_never_was_starts_no_session(call, agent, environment):
    for version, status in ((0, 400), (-1, 400), (2, 404), (10**30, 404)):
        body = {"agent": {"type": "agent", "id": agent.id, "version": version}, "environment_id": environment.id}
        assert call("POST", "sessions", json.dumps(body)).status_code == status


@pytest.mark.parametrize("path", ["", "nothing", "agents/a/b/c", "sessions/"])
def test_an_unknown_address_is_an_api_404(call, path):
    response = call("GET", path)
    assert (response.status_code, error(response)["type"]) == (404, "not_found_error")
    assert response.headers["content-length"] == str(len(response.content))


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "messages"), ("PUT", "batches/x"), ("GET", "batches"), ("POST", "")]
)
def test_an_unknown_address_is_named_and_never_called_a_forged_form(call, method, path):
    call.client = Client(raise_request_exception=False, enforce_csrf_checks=True)
    response = call(method, path, "{}")
    told = error(response)
    assert (response.status_code, told["type"]) == (404, "not_found_error")
    assert f"/v1/{path}" in told["message"]


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "agents", "GET, POST"),
        ("HEAD", "agents", "GET, POST"),
        ("OPTIONS", "agents/agent_x", "GET, POST"),
        ("PATCH", "memory_stores/x/memories/y", "DELETE, GET, POST"),
        ("POST", "sessions/x/events/stream", "GET"),
        ("POST", "sessions/x/threads/y/stream", "GET"),
    ],
)
def test_a_wrong_method_is_a_405_in_the_envelope_that_names_the_right_ones(call, method, path, allowed):
    response = call(method, path)
    assert (response.status_code, ", ".join(sorted(response.headers["allow"].split(", ")))) == (405, allowed)
    assert method == "HEAD" or error(response)["type"] == "invalid_request_error"


def test_a_fault_of_ours_is_a_500_in_the_envelope(call, monkeypatch, caplog):
    monkeypatch.setattr("agents.api.agents.page_of", lambda *args, **kwargs: 1 / 0)
    response = call("GET", "agents")
    assert (response.status_code, error(response)["type"]) == (500, "api_error")
    assert "ZeroDivisionError" not in response.content.decode()
    assert response.headers["request-id"] in caplog.text


def test_the_document_describes_every_route_and_body(client):
    document = client.get("/v1/openapi.json").json()
    assert {"get", "post"} <= document["paths"]["/v1/agents"].keys()
    assert "/v1/sessions/{session_id}/verdict" in document["paths"]
    references = {node["$ref"].rsplit("/", 1)[1] for node in _objects(document) if isinstance(node.get("$ref"), str)}
    assert references <= document["components"]["schemas"].keys()
    assert "betas" not in document["components"]["schemas"]["AgentCreateParams"]["properties"]


def test_the_document_says_which_headers_an_operation_takes_what_it_answers_and_how_it_refuses(client):
    paths = client.get("/v1/openapi.json").json()["paths"]
    for path, methods in paths.items():
        for operation in methods.values():
            headers = {one["name"]: one["schema"]["enum"] for one in operation["parameters"] if one["in"] == "header"}
            assert headers["anthropic-version"] == ["2026-10-21", "2023-06-01"]
            assert path.split("/")[2] not in ("agents", "vaults") or headers["anthropic-beta"] == [MANAGED_AGENTS]
            assert operation["responses"]["default"]["content"]["application/json"]["schema"]["$ref"].endswith("/Error")
            assert len(operation["tags"]) == len(set(operation["tags"])) > 0
    answer = paths["/v1/agents"]["post"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert answer == {"$ref": "#/components/schemas/BetaManagedAgentsAgent"}
    listed = paths["/v1/sessions"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert listed["properties"].keys() == {"data", "next_page", "prev_page"}


def test_the_document_has_the_event_streams(client):
    paths = client.get("/v1/openapi.json").json()["paths"]
    for address in ("/v1/sessions/{session_id}/events/stream", "/v1/sessions/{session_id}/threads/{thread_id}/stream"):
        operation = paths[address]["get"]
        assert "text/event-stream" in operation["responses"]["200"]["content"]
        assert match_api_stream(address.format(session_id="s", thread_id="t"))


def test_the_document_requires_nothing_that_it_does_not_describe(client):
    for schema in client.get("/v1/openapi.json").json()["components"]["schemas"].values():
        assert set(schema.get("required", ())) <= schema.get("properties", {}).keys()


def test_the_page_lists_the_same_routes(client):
    document = client.get("/v1/openapi.json").json()
    page = client.get("/v1/docs").content.decode().replace("<wbr>", "")
    assert [address for address in document["paths"] if address not in page] == []


def test_the_page_describes_every_field_and_every_type_that_one_names(client):
    page, schemas = client.get("/v1/docs").content.decode(), client.get("/v1/openapi.json").json()
    bodies = [one["requestBody"] for ways in schemas["paths"].values() for one in ways.values() if "requestBody" in one]
    for name, schema in _named_in(bodies, schemas["components"]["schemas"]).items():
        assert name in page
        assert [field for field in schema["properties"] if f"<code>{field}</code>" not in page] == []
    assert set(re.findall(r'href="#(.+?)"', page)) <= set(re.findall(r'id="(.+?)"', page))


def test_the_page_says_how_to_authenticate_and_shows_this_address(client):
    page = client.get("/v1/docs").content.decode()
    assert "Authorization: Bearer" in page
    assert "base_url=&quot;http://testserver&quot;" in page or 'base_url="http://testserver"' in page


def _named_in(value, schemas):
    """Every schema that a value refers to, directly or through others."""
    found, waiting = {}, [value]
    while waiting:
        names = {one["$ref"].rsplit("/", 1)[1] for one in _objects(waiting.pop()) if isinstance(one.get("$ref"), str)}
        waiting += [schemas[name] for name in names - found.keys()]
        found |= {name: schemas[name] for name in names}
    return found


def _objects(value):
    if isinstance(value, dict):
        yield value
        for member in value.values():
            yield from _objects(member)
    elif isinstance(value, list):
        for member in value:
            yield from _objects(member)


def test_the_document_knows_every_type_of_error(client):
    known = client.get("/v1/openapi.json").json()["components"]["schemas"]["Error"]
    kinds, found = [DomainError], set()
    while kinds:
        kind = kinds.pop()
        kinds += kind.__subclasses__()
        found.add(kind.type)
    assert found == set(known["properties"]["error"]["properties"]["type"]["enum"])
