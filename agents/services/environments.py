"""Environments: create."""

from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from agents.actors import Actor
from agents.environment_config import resolve_config
from agents.exceptions import Conflict, InvalidRequest
from agents.limits import ENVIRONMENT_NAME_MAX
from agents.metadata import check_metadata
from agents.models import Environment
from agents.outbox import emit

# The default: a local box. What `networking` and `packages` say is kept; the page says what applies on this machine.
CLOUD = resolve_config(None)


def create_environment(body: dict[str, Any], *, actor: Actor, is_internal: bool = False) -> Environment:
    """`body` has the wire's create members; the name is unique in the workspace."""
    if not 1 <= len(body["name"]) <= ENVIRONMENT_NAME_MAX:
        raise InvalidRequest(f"name: it must have 1 to {ENVIRONMENT_NAME_MAX} characters.")
    now = timezone.now()
    try:
        with transaction.atomic():
            environment = Environment.objects.create(
                workspace=actor.workspace,
                name=body["name"],
                description=body.get("description"),
                config=resolve_config(body.get("config")),
                metadata=check_metadata(body.get("metadata")),
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
