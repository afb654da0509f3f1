"""Environments: create."""

from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from agents.actors import Actor
from agents.exceptions import Conflict
from agents.models import Environment
from agents.outbox import emit

# The default: a local box. What `networking` and `packages` say is kept; the page says what applies on this machine.
CLOUD: dict[str, Any] = {
    "type": "cloud",
    "networking": {"type": "unrestricted"},
    "packages": {"type": "packages", "apt": [], "cargo": [], "gem": [], "go": [], "npm": [], "pip": []},
}


def create_environment(body: dict[str, Any], *, actor: Actor, is_internal: bool = False) -> Environment:
    """`body` has the wire's create members, its `config` already resolved; the name is unique in the workspace."""
    now = timezone.now()
    try:
        with transaction.atomic():
            environment = Environment.objects.create(
                workspace=actor.workspace,
                name=body["name"],
                description=body.get("description"),
                config=body["config"],
                metadata=body.get("metadata") or {},
                scope=body.get("scope") or "organization",
                is_internal=is_internal,
                created_at=now,
                updated_at=now,
            )
            if not is_internal:
                emit(actor.workspace, "environment.created", environment.pk)
    except IntegrityError as error:
        raise Conflict(f"An environment named {body['name']!r} exists already.") from error
    return environment
