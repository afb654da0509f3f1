"""Environments."""

from typing import Any

from agents.eventlog.wire import timestamp
from agents.models import Environment


def environment_shape(environment: Environment) -> dict[str, Any]:
    return {
        "id": environment.pk,
        "type": "environment",
        "name": environment.name,
        "description": environment.description,
        "config": environment.config,
        "metadata": environment.metadata,
        "scope": environment.scope,
        "created_at": timestamp(environment.created_at),
        "updated_at": timestamp(environment.updated_at),
        "archived_at": timestamp(environment.archived_at),
    }
