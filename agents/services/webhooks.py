"""Webhook endpoints: who is told of what, and the secret that signs what they are told."""

import base64
import re
import secrets
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from agents import audit
from agents.actors import Actor
from agents.addresses import names_a_public_host
from agents.crypto import purpose_of, seal, unseal
from agents.editions import check_edition
from agents.exceptions import InvalidRequest, NotFound
from agents.limits import URL_MAX, WEBHOOK_DESCRIPTION_MAX, WEBHOOK_ENDPOINTS_MAX, WEBHOOK_NAME_MAX
from agents.models import WebhookEndpoint, Workspace
from agents.webhook_events import EVENT_TYPES

SIGNING_PREFIX = "whsec_"
SECRET_BYTES = 32
HTTPS_PORT = 443
TEXTS = {"name": WEBHOOK_NAME_MAX, "description": WEBHOOK_DESCRIPTION_MAX}

_PRINTED = re.compile(r"[\x21-\x7e]+")


@transaction.atomic
def create_endpoint(body: dict[str, Any], *, actor: Actor) -> tuple[WebhookEndpoint, str]:
    """`body` has the wire's create members; also the signing secret, which nothing returns again."""
    Workspace.objects.filter(pk=actor.workspace.pk).update(name=F("name"))  # two at once must not exceed the bound
    if WebhookEndpoint.objects.in_workspace(actor.workspace).count() >= WEBHOOK_ENDPOINTS_MAX:
        raise InvalidRequest(f"A workspace has at most {WEBHOOK_ENDPOINTS_MAX} webhook endpoints.")
    if not body["enabled_events"]:
        raise InvalidRequest("enabled_events: choose at least one type of event.")
    now, secret = timezone.now(), _new_secret()
    endpoint = WebhookEndpoint(workspace=actor.workspace, created_at=now, updated_at=now, **_checked(body))
    _seal(endpoint, secret)
    endpoint.save(force_insert=True)
    audit.record(actor, "webhook_endpoint.created", endpoint.pk, name=str(endpoint))
    return endpoint, secret


@transaction.atomic
def update_endpoint(
    endpoint: WebhookEndpoint, body: dict[str, Any], *, actor: Actor, edition: str = ""
) -> WebhookEndpoint:
    """Only what is sent changes; an empty list of events changes nothing; enabling forgets why it was disabled."""
    endpoint = _lock(endpoint)
    wanted = _checked(body)
    if not wanted.get("enabled_events"):
        wanted.pop("enabled_events", None)
    if "state" in body:
        wanted |= {"state": body["state"], "disabled_reason": ""}
    changes = {name: value for name, value in wanted.items() if value != getattr(endpoint, name)}
    check_edition(edition, endpoint, changes)
    if changes:
        WebhookEndpoint.objects.filter(pk=endpoint.pk).update(updated_at=timezone.now(), **changes)
        endpoint.refresh_from_db()
        audit.record(
            actor, "webhook_endpoint.updated", endpoint.pk, name=str(endpoint), detail=", ".join(sorted(changes))
        )
    return endpoint


@transaction.atomic
def regenerate_secret(endpoint: WebhookEndpoint, *, actor: Actor, edition: str = "") -> str:
    """The new signing secret; the old one signs nothing from now on."""
    endpoint, secret = _lock(endpoint), _new_secret()
    check_edition(edition, endpoint, ["secret_changed_at"])
    _seal(endpoint, secret)
    endpoint.updated_at = endpoint.secret_changed_at
    endpoint.save(update_fields=["sealed_secret", "secret_changed_at", "updated_at"])
    audit.record(actor, "webhook_endpoint.secret_regenerated", endpoint.pk, name=str(endpoint))
    return secret


@transaction.atomic
def delete_endpoint(endpoint: WebhookEndpoint, *, actor: Actor) -> None:
    """With its secret, for good."""
    endpoint = _lock(endpoint)
    audit.record(actor, "webhook_endpoint.deleted", endpoint.pk, name=str(endpoint))
    endpoint.delete()


def signing_secret(endpoint: WebhookEndpoint) -> str:
    """The secret in the clear: for signing, never for show."""
    return unseal(endpoint.sealed_secret, purpose=purpose_of(endpoint, "sealed_secret"))


def _new_secret() -> str:
    return SIGNING_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def _seal(endpoint: WebhookEndpoint, secret: str) -> None:
    endpoint.sealed_secret = seal(secret, purpose=purpose_of(endpoint, "sealed_secret"))
    endpoint.secret_changed_at = timezone.now()


def _lock(endpoint: WebhookEndpoint) -> WebhookEndpoint:
    WebhookEndpoint.objects.filter(pk=endpoint.pk).update(state=F("state"))
    locked: WebhookEndpoint | None = WebhookEndpoint.objects.filter(pk=endpoint.pk).first()
    if locked is None:
        raise NotFound(f"Webhook endpoint {endpoint.pk!r} was not found.")
    return locked


def _checked(body: dict[str, Any]) -> dict[str, Any]:
    """The columns that a request sets, checked."""
    columns: dict[str, Any] = {}
    if "url" in body:
        columns["url"] = _checked_url(body["url"])
    if "enabled_events" in body:
        columns["enabled_events"] = _checked_events(body["enabled_events"])
    for name, most in TEXTS.items():
        if name in body:
            if len(body[name]) > most:
                raise InvalidRequest(f"{name}: it may have at most {most:,} characters.")
            columns[name] = body[name]
    return columns


def _checked_events(types: list[str]) -> list[str]:
    """Each once, in the order given."""
    if unknown := sorted(set(types) - EVENT_TYPES):
        named = ", ".join(f"{name[:80]!r}" for name in unknown[:10])
        allowed = ", ".join(sorted(EVENT_TYPES))
        raise InvalidRequest(f"enabled_events: there is no event of the type {named}. Allowed are {allowed}.")
    return list(dict.fromkeys(types))


def _checked_url(url: str) -> str:
    """What can be told without asking the network; the sender checks where the name leads at every delivery."""
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname
    except ValueError:
        port, parts, host = None, urlsplit(""), None
    if not host or not _PRINTED.fullmatch(url) or len(url) > URL_MAX or parts.scheme not in ("http", "https"):
        raise InvalidRequest(f"url: it must be an https address of at most {URL_MAX:,} characters.")
    if "@" in parts.netloc:
        raise InvalidRequest("url: user name and password do not belong into an address.")
    if not settings.LUCID_ALLOW_PRIVATE_WEBHOOKS:
        if parts.scheme != "https" or port not in (None, HTTPS_PORT):
            raise InvalidRequest("url: it must be an https address on port 443.")
        if not names_a_public_host(host):
            raise InvalidRequest("url: its host is not public. LUCID_ALLOW_PRIVATE_WEBHOOKS=1 permits private ones.")
    return url
