"""Whether an OAuth credential works: a real call to its MCP server, and a fresh token where the old one is refused."""

import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from agents import audit, outbound
from agents.actors import Actor
from agents.addresses import Unreachable
from agents.credential_auth import rfc3339
from agents.exceptions import InvalidRequest
from agents.leases import rest_connection
from agents.models import AuthType, Credential
from agents.outbox import emit
from agents.services.credential_secrets import sealed_columns, secrets_of

PROTOCOL = "2025-06-18"
CALL_SECONDS = 8.0
SHOWN_CHARS = 4_096
REDACTED = "[redacted]"
EXPIRES_IN_MAX = 10 * 366 * 86_400  # a token endpoint that says more means for ever
DENIED = (401, 403)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A step that failed, and what was answered, if anything was."""

    method: str
    answer: outbound.Answer | None = None

    @property
    def status(self) -> int:
        return self.answer.status if self.answer else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Refresh:
    """How an exchange of the refresh token ended; `status` is the wire's word."""

    status: str
    answer: outbound.Answer | None = None

    @property
    def is_final(self) -> bool:
        """Whether the token endpoint itself said no, which trying again will not change."""
        answered = self.answer.status if self.answer else 0
        return self.status == "no_refresh_token" or (self.status == "failed" and answered < 500)


def validate_oauth(credential: Credential, *, actor: Actor) -> dict[str, Any]:
    """Call the credential's server as a session would, refresh its token on a 401, and say how it went."""
    if credential.auth_type != AuthType.MCP_OAUTH:
        raise InvalidRequest("Only credentials of the type mcp_oauth can be validated.")
    if credential.is_archived:
        raise InvalidRequest(f"The credential {credential.pk} is archived: its secrets are gone.")
    secrets, refresh = secrets_of(credential), None
    if "client_secret" in secrets:
        secrets["basic"] = _basic(credential.auth["refresh"], secrets)
    failed = probe(credential.auth["mcp_server_url"], secrets["access_token"])
    if failed and failed.status == 401:
        refresh = refresh_tokens(credential, actor=actor)
        if refresh.status == "succeeded":
            credential.refresh_from_db()
            secrets |= {f"new_{name}": value for name, value in secrets_of(credential).items()}
            failed = probe(credential.auth["mcp_server_url"], secrets["new_access_token"])
    return {
        "status": _verdict(failed, refresh),
        "has_refresh_token": "refresh_token" in secrets,
        "mcp_probe": failed and {"method": failed.method, "http_response": _shown(failed.answer, secrets)},
        "refresh": refresh and {"status": refresh.status, "http_response": _shown(refresh.answer, secrets)},
        "validated_at": timezone.now(),
    }


def probe(url: str, token: str) -> Step | None:
    """The first step of an MCP conversation that fails; None when the server lists its tools."""
    who = {"name": "lucid", "version": "0.1"}
    greeting = {"protocolVersion": PROTOCOL, "capabilities": {}, "clientInfo": who}
    answer, failed = _call_mcp(url, token, {"id": 1, "method": "initialize", "params": greeting}, {})
    if failed or answer is None:
        return failed
    session = answer.headers.get("mcp-session-id")
    headers = {"mcp-protocol-version": PROTOCOL, **({"mcp-session-id": session} if session else {})}
    _call_mcp(url, token, {"method": "notifications/initialized"}, headers)
    _, failed = _call_mcp(url, token, {"id": 2, "method": "tools/list"}, headers)
    if session:
        _end(url, token, headers)
    return failed


def refresh_tokens(credential: Credential, *, actor: Actor) -> Refresh:
    """Exchange the refresh token at its endpoint and keep what comes back; a failure is told to webhooks."""
    before, secrets = credential.sealed, secrets_of(credential)
    config = credential.auth["refresh"]
    if not config or "refresh_token" not in secrets:
        return Refresh(status="no_refresh_token")
    if not connection.in_atomic_block:
        rest_connection()
    refresh, tokens = _exchange(config, secrets)
    if tokens:
        _keep(credential, before, tokens, actor)
        return refresh
    if Credential.objects.filter(pk=credential.pk).exclude(sealed=before).exists():
        return Refresh(status="succeeded")  # somebody else was faster, and used this refresh token up
    with transaction.atomic():
        vault = credential.vault
        emit(vault.workspace_id, "vault_credential.refresh_failed", credential.pk, vault_id=vault.pk)
    return refresh


def _exchange(config: Mapping[str, Any], secrets: Mapping[str, str]) -> tuple[Refresh, dict[str, Any]]:
    form = {"grant_type": "refresh_token", "refresh_token": secrets["refresh_token"]}
    form |= {name: config[name] for name in ("scope", "resource") if config[name]}
    headers = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
    match config["token_endpoint_auth"]["type"]:
        case "client_secret_basic":
            headers["authorization"] = f"Basic {_basic(config, secrets)}"
        case "client_secret_post":
            form |= {"client_id": config["client_id"], "client_secret": secrets["client_secret"]}
        case _:
            form["client_id"] = config["client_id"]
    try:
        answer = _request("POST", config["token_endpoint"], headers, urlencode(form).encode())
    except Unreachable:
        return Refresh(status="connect_error"), {}
    tokens = _tokens(answer) if answer.is_success else {}
    return Refresh(status="succeeded" if tokens else "failed", answer=None if tokens else answer), tokens


def _basic(config: Mapping[str, Any], secrets: Mapping[str, str]) -> str:
    pair = f"{quote(config['client_id'], safe='')}:{quote(secrets['client_secret'], safe='')}"
    return base64.b64encode(pair.encode()).decode()


def _tokens(answer: outbound.Answer) -> dict[str, Any]:
    """What the endpoint gave; nothing where no usable access token is in it."""
    try:
        given = json.loads(answer.body)
    except ValueError:
        return {}
    token = given.get("access_token") if isinstance(given, dict) else None
    return given if isinstance(token, str) and token.isascii() and token.isprintable() and token else {}


@transaction.atomic
def _keep(credential: Credential, before: str, tokens: Mapping[str, Any], actor: Actor) -> None:
    """Unless somebody replaced or wiped the secret meanwhile: then theirs stays."""
    now = timezone.now()
    names = ("access_token", "refresh_token")
    secrets = {name: tokens[name] for name in names if isinstance(tokens.get(name), str) and tokens[name]}
    columns = {
        **sealed_columns(credential, secrets),
        "auth": {**credential.auth, "expires_at": _expiry(tokens.get("expires_in"), now)},
        "updated_at": now,
    }
    if Credential.objects.filter(pk=credential.pk, sealed=before, archived_at=None).update(**columns):
        audit.record(actor, "vault_credential.refreshed", credential.pk, name=str(credential))


def _expiry(seconds: Any, now: datetime) -> str | None:
    """OAuth says seconds; some servers say them as a text."""
    try:
        span = int(seconds)
    except (TypeError, ValueError, OverflowError):
        return None
    return rfc3339(now + timedelta(seconds=span)) if 0 < span <= EXPIRES_IN_MAX else None


def _call_mcp(
    url: str, token: str, message: dict[str, Any], headers: Mapping[str, str]
) -> tuple[outbound.Answer | None, Step | None]:
    sent = {
        "accept": "application/json, text/event-stream",
        "content-type": "application/json",
        "authorization": f"Bearer {token}",
        **headers,
    }
    try:
        answer = _request("POST", url, sent, json.dumps({"jsonrpc": "2.0", **message}).encode())
    except Unreachable:
        return None, Step(method=message["method"])
    if not answer.is_success or ("id" in message and not _is_mcp(answer)):
        return None, Step(method=message["method"], answer=answer)
    return answer, None


def _is_mcp(answer: outbound.Answer) -> bool:
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind in ("application/json", "text/event-stream") and b"jsonrpc" in answer.body


def _end(url: str, token: str, headers: Mapping[str, str]) -> None:
    """Servers drop sessions that nobody ends by themselves: whether this one heard it changes nothing."""
    try:
        _request("DELETE", url, {"authorization": f"Bearer {token}", **headers})
    except Unreachable:
        return


def _request(method: str, url: str, headers: Mapping[str, str], content: bytes = b"") -> outbound.Answer:
    allow_private = settings.LUCID_ALLOW_PRIVATE_MCP
    return outbound.request(
        method,
        url,
        headers=headers,
        content=content,
        allow_private=allow_private,
        seconds=CALL_SECONDS,
        enough=_has_an_event,
    )


def _has_an_event(body: bytes) -> bool:
    """A stream may stay open for ever: its first event with data is the answer."""
    begin = body.find(b"data:")
    return begin >= 0 and body.lstrip()[:1] != b"{" and any(end in body[begin:] for end in (b"\n\n", b"\r\n\r\n"))


def _verdict(failed: Step | None, refresh: Refresh | None) -> str:
    if failed is None:
        return "valid"
    is_open = refresh is not None and refresh.status != "succeeded" and not refresh.is_final
    return "invalid" if failed.status in DENIED and not is_open else "unknown"


def _shown(answer: outbound.Answer | None, secrets: Mapping[str, str]) -> dict[str, Any] | None:
    if answer is None:
        return None
    body = _scrubbed(answer.body.decode(errors="replace").replace("\x00", ""), secrets.values())
    return {
        "status_code": answer.status,
        "content_type": answer.headers.get("content-type", ""),
        "body": body[:SHOWN_CHARS],
        "body_truncated": answer.is_cut_off or len(body) > SHOWN_CHARS,
    }


def _scrubbed(text: str, secrets: Iterable[str]) -> str:
    """Servers repeat what they were sent: plain, quoted for JSON or quoted for a URL."""
    spellings = {form for secret in secrets for form in (secret, json.dumps(secret)[1:-1], quote(secret, safe=""))}
    for spelling in sorted(spellings, key=len, reverse=True):
        text = text.replace(spelling, REDACTED)
    return text
