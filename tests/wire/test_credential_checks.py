"""OAuth credentials are tried against a real MCP server and a real token endpoint, both of this test's own."""

import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import anthropic
import pytest

from agents import outbound
from agents.addresses import NotPublic, Unreachable
from agents.models import AuditEvent, Credential, OutboxEvent
from agents.services.credential_secrets import secrets_of

OLD, NEW, REFRESH, CLIENT = "old-token-51ab", "new-token-72cd", "refresh-93ef", "client secret/04"


class Handler(BaseHTTPRequestHandler):
    """What the server answers stands in `server.plan`; what it was asked is kept in `server.asked`."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"] or 0)).decode()
        self.server.asked.append((self.path, dict(self.headers), body))
        if self.path == "/token":
            self.answer(*self.server.token)
        elif self.headers["authorization"] != f"Bearer {self.server.accepted}":
            self.answer(401, f"no entry for {self.headers['authorization']} " + "x" * self.server.padding)
        elif self.server.stream:
            self.answer(200, 'event: message\ndata: {"jsonrpc": "2.0", "id": 1}\n\n', "text/event-stream")
        else:
            self.answer(200, {"jsonrpc": "2.0", "id": json.loads(body).get("id"), "result": {}})

    def do_DELETE(self):
        self.server.asked.append((self.path, dict(self.headers), "DELETE"))
        self.answer(200, {})

    def answer(self, status, body, kind="application/json"):
        text = body if isinstance(body, str) else json.dumps(body)
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("mcp-session-id", "s1")
        if status == 302:
            self.send_header("location", "https://elsewhere.example/")
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *args):
        pass


@pytest.fixture
def server(settings):
    settings.LUCID_ALLOW_PRIVATE_MCP = True
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.asked, server.token, server.accepted, server.stream, server.padding = [], (200, {}), OLD, False, 0
    server.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def validate(wire, server):
    vault = wire.beta.vaults.create(display_name="v")

    def validate(auth_kind="none", *, has_refresh=True, url=None, token_url=None):
        client = {"type": auth_kind, **({"client_secret": CLIENT} if auth_kind != "none" else {})}
        refresh = {
            "client_id": "lu cid",
            "refresh_token": REFRESH,
            "token_endpoint": token_url or f"{server.url}/token",
            "token_endpoint_auth": client,
            "scope": "read",
        }
        auth = {"type": "mcp_oauth", "mcp_server_url": url or f"{server.url}/mcp", "access_token": OLD}
        made = wire.beta.vaults.credentials.create(vault.id, auth=auth | ({"refresh": refresh} if has_refresh else {}))
        return wire.beta.vaults.credentials.mcp_oauth_validate(made.id, vault_id=vault.id)

    return validate


def refresh_failures():
    return OutboxEvent.objects.filter(type="vault_credential.refresh_failed").count()


@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
def test_a_token_that_its_server_takes_is_valid(server, validate, stream):
    server.stream = stream
    found = validate()
    assert (found.status, found.mcp_probe, found.refresh, found.has_refresh_token) == ("valid", None, None, True)
    methods = [json.loads(body)["method"] for path, _, body in server.asked if body != "DELETE"]
    assert methods == ["initialize", "notifications/initialized", "tools/list"]
    assert {headers["mcp-session-id"] for _, headers, _ in server.asked[1:]} == {"s1"}


@pytest.mark.parametrize("auth_kind", ["none", "client_secret_post", "client_secret_basic"])
def test_a_refused_token_is_refreshed_and_kept(server, validate, auth_kind):
    server.accepted = NEW
    server.token = (200, {"access_token": NEW, "expires_in": 3600, "refresh_token": "next"})
    found = validate(auth_kind)
    assert (found.status, found.mcp_probe, found.refresh.status) == ("valid", None, "succeeded")
    _, headers, body = next(asked for asked in server.asked if asked[0] == "/token")
    form = {name: value for name, (value,) in parse_qs(body).items()}
    expected = {"grant_type": "refresh_token", "refresh_token": REFRESH, "scope": "read"}
    if auth_kind == "client_secret_basic":
        pair = base64.b64decode(headers["authorization"].removeprefix("Basic ")).decode()
        assert pair == "lu%20cid:client%20secret%2F04"
    elif auth_kind == "client_secret_post":
        expected |= {"client_id": "lu cid", "client_secret": CLIENT}
    else:
        expected |= {"client_id": "lu cid"}
    assert form == expected
    credential = Credential.objects.get()
    kept = secrets_of(credential)
    assert (kept["access_token"], kept["refresh_token"], kept.get("client_secret", CLIENT)) == (NEW, "next", CLIENT)
    assert credential.auth["expires_at"]
    assert AuditEvent.objects.filter(action="vault_credential.refreshed").count() == 1
    assert refresh_failures() == 0


def test_a_refused_refresh_is_told_with_every_secret_taken_out(server, validate):
    server.accepted, server.padding = "another", 10_000
    server.token = (400, {"error": "invalid_grant", "said": f"{REFRESH} {CLIENT}"})
    found = validate("client_secret_post")
    assert (found.status, found.refresh.status, found.mcp_probe.method) == ("invalid", "failed", "initialize")
    assert found.refresh.http_response.status_code == 400
    assert "invalid_grant" in found.refresh.http_response.body
    probe = found.mcp_probe.http_response
    assert (probe.status_code, probe.body_truncated, probe.body[:31]) == (401, True, "no entry for Bearer [redacted] ")
    assert not [secret for secret in (OLD, REFRESH, CLIENT) if secret in found.to_json()]
    assert refresh_failures() == 1


@pytest.mark.parametrize(
    ("token", "status", "refresh"),
    [
        ((503, "busy"), "unknown", "failed"),
        ((200, "not JSON"), "invalid", "failed"),
        ((200, {"access_token": 7}), "invalid", "failed"),
        ((302, ""), "invalid", "failed"),
        ((200, {"access_token": "also refused"}), "invalid", "succeeded"),
    ],
)
def test_what_a_token_endpoint_may_say(server, validate, token, status, refresh):
    server.accepted, server.token = "another", token
    found = validate()
    assert (found.status, found.refresh.status) == (status, refresh)
    assert not [path for path, *_ in server.asked if path not in ("/mcp", "/token")]


def test_without_a_refresh_token_a_refused_token_stays_refused(server, validate):
    server.accepted = "another"
    found = validate(has_refresh=False)
    assert (found.status, found.refresh.status, found.has_refresh_token) == ("invalid", "no_refresh_token", False)
    assert (found.refresh.http_response, refresh_failures()) == (None, 0)


def test_a_token_endpoint_that_is_away_leaves_it_open(server, validate):
    server.accepted = "another"
    found = validate(token_url="http://127.0.0.1:1/token")
    assert (found.status, found.refresh.status, found.refresh.http_response) == ("unknown", "connect_error", None)


def test_a_server_that_is_away_or_private_leaves_it_open(validate, settings):
    found = validate(url="http://127.0.0.1:1/mcp")
    assert (found.status, found.mcp_probe.method, found.mcp_probe.http_response) == ("unknown", "initialize", None)
    settings.LUCID_ALLOW_PRIVATE_MCP = False
    assert validate().status == "unknown"


def test_a_private_server_is_not_even_called(server, validate, settings):
    settings.LUCID_ALLOW_PRIVATE_MCP = False
    assert (validate().status, server.asked) == ("unknown", [])


def test_other_types_and_archived_credentials_are_refused(wire, server, validate):
    validated = validate()
    vault_id = validated.vault_id
    bearer = {"type": "static_bearer", "mcp_server_url": "https://a.example", "token": "x"}
    other = wire.beta.vaults.credentials.create(vault_id, auth=bearer)
    wire.beta.vaults.credentials.archive(validated.credential_id, vault_id=vault_id)
    for credential_id in (other.id, validated.credential_id):
        with pytest.raises(anthropic.BadRequestError):
            wire.beta.vaults.credentials.mcp_oauth_validate(credential_id, vault_id=vault_id)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "10.0.0.1", "0x7f.1", "2130706433"])
def test_nothing_private_is_called(host):
    with pytest.raises(NotPublic):
        outbound.request("GET", f"https://{host}/", headers={})


def test_a_name_that_leads_inside_is_refused_after_the_look_up(monkeypatch):
    answer = [(2, 1, 6, "", ("93.184.215.14", 443)), (2, 1, 6, "", ("10.0.0.1", 443))]
    monkeypatch.setattr("socket.getaddrinfo", lambda *args, **kwargs: answer)
    with pytest.raises(NotPublic, match="leads to"):
        outbound.request("GET", "https://rebound.example.com/", headers={})


def test_an_answer_is_bounded_and_a_redirect_is_an_answer(server):
    server.accepted, server.padding = "another", 100_000
    found = outbound.request("POST", f"{server.url}/mcp", headers={"authorization": "x"}, allow_private=True, most=50)
    assert (found.status, len(found.body), found.is_cut_off) == (401, 50, True)
    server.token = (302, "")
    found = outbound.request("POST", f"{server.url}/token", headers={}, allow_private=True)
    assert (found.status, found.headers["location"]) == (302, "https://elsewhere.example/")


def test_a_server_that_never_ends_its_answer_is_left():
    class Slow(Handler):
        def do_POST(self):
            self.send_response(200)
            self.end_headers()
            self.server.gone.wait(60)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    server.gone = threading.Event()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}/"
    try:
        with pytest.raises(Unreachable, match=r"within 0\.3 seconds"):
            outbound.request("POST", url, headers={}, allow_private=True, seconds=0.3)
    finally:
        server.gone.set()
        server.shutdown()
        thread.join()
        server.server_close()
