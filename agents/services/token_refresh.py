"""A fresh access token for an OAuth credential, by its refresh token, kept in place of the old one."""

import base64
import json
from collections.abc import Mapping
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
from agents.leases import rest_connection
from agents.models import Credential
from agents.outbound import Answer
from agents.outbox import emit
from agents.services.credential_secrets import sealed_columns, secrets_of

CALL_SECONDS = 8.0  # of one call; a person waits for the answer
EXPIRES_IN_MAX = 10 * 366 * 86_400  # a token endpoint that says more means for ever


@dataclass(frozen=True, slots=True, kw_only=True)
class Refresh:
    """How an exchange of the refresh token ended; `status` is the wire's word."""

    status: str
    answer: Answer | None = None

    @property
    def is_final(self) -> bool:
        """Whether the token endpoint itself said no, which trying again will not change."""
        answered = self.answer.status if self.answer else 0
        return self.status == "no_refresh_token" or (self.status == "failed" and answered < 500)


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


def basic_auth(config: Mapping[str, Any], secrets: Mapping[str, str]) -> str:
    """What a client says of itself in the `Authorization` of HTTP, after the word Basic."""
    pair = f"{quote(config['client_id'], safe='')}:{quote(secrets['client_secret'], safe='')}"
    return base64.b64encode(pair.encode()).decode()


def _exchange(config: Mapping[str, Any], secrets: Mapping[str, str]) -> tuple[Refresh, dict[str, Any]]:
    form = {"grant_type": "refresh_token", "refresh_token": secrets["refresh_token"]}
    form |= {name: config[name] for name in ("scope", "resource") if config[name]}
    headers = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
    match config["token_endpoint_auth"]["type"]:
        case "client_secret_basic":
            headers["authorization"] = f"Basic {basic_auth(config, secrets)}"
        case "client_secret_post":
            form |= {"client_id": config["client_id"], "client_secret": secrets["client_secret"]}
        case _:
            form["client_id"] = config["client_id"]
    try:
        answer = outbound.request(
            "POST",
            config["token_endpoint"],
            headers=headers,
            content=urlencode(form).encode(),
            allow_private=settings.LUCID_ALLOW_PRIVATE_MCP,
            seconds=CALL_SECONDS,
        )
    except Unreachable:
        return Refresh(status="connect_error"), {}
    tokens = _tokens(answer) if answer.is_success else {}
    return Refresh(status="succeeded" if tokens else "failed", answer=None if tokens else answer), tokens


def _tokens(answer: Answer) -> dict[str, Any]:
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
