"""Whether an OAuth credential works: a real call to its MCP server, and a fresh token where the old one is refused."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.utils import timezone

from agents import outbound
from agents.actors import Actor
from agents.addresses import Unreachable
from agents.exceptions import InvalidRequest
from agents.models import AuthType, Credential
from agents.services.credential_secrets import secrets_of
from agents.services.token_refresh import CALL_SECONDS, Refresh, basic_auth, refresh_tokens

PROTOCOL = "2025-06-18"
SHOWN_CHARS = 4_096
REDACTED = "[redacted]"
DENIED = (401, 403)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A step that failed, and what was answered, if anything was."""

    method: str
    answer: outbound.Answer | None = None

    @property
    def status(self) -> int:
        return self.answer.status if self.answer else 0


def validate_oauth(credential: Credential, *, actor: Actor) -> dict[str, Any]:
    """Call the credential's server as a session would, refresh its token on a 401, and say how it went."""
    if credential.auth_type != AuthType.MCP_OAUTH:
        raise InvalidRequest("Only credentials of the type mcp_oauth can be validated.")
    if credential.is_archived:
        raise InvalidRequest(f"The credential {credential.pk} is archived: its secrets are gone.")
    secrets, refresh = secrets_of(credential), None
    if "client_secret" in secrets:
        secrets["basic"] = basic_auth(credential.auth["refresh"], secrets)
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
