"""PURE: an agent's definition with what one session's `agent_with_overrides` says instead."""

from collections.abc import Mapping
from typing import Any

from agents.definitions import Definition, resolve
from agents.exceptions import InvalidRequest

OVERRIDABLE = ("model", "system", "tools", "mcp_servers", "skills")


def overridden(definition: Definition, reference: Mapping[str, Any]) -> Definition:
    """A member that is left out is inherited, null or [] clears, anything else replaces the whole; the agent itself
    stays as it is."""
    changes = {name: reference[name] for name in OVERRIDABLE if name in reference}
    if "model" in changes:
        changes["model"] = _without_effort(changes["model"])
    return resolved_at("agent", changes, definition)


def resolved_at(field: str, changes: Mapping[str, Any], previous: Definition) -> Definition:
    """`resolve`, for changes that stand in that member of a request: a refusal names the whole path."""
    try:
        return resolve(changes, previous=previous)
    except InvalidRequest as refusal:
        raise InvalidRequest(f"{field}.{refusal.message}", code=refusal.code) from refusal


def _without_effort(model: str | Mapping[str, Any] | None) -> str | dict[str, Any]:
    """The effort belongs to the agent: with the same model it stays, another model starts at its default."""
    if model is None:
        raise InvalidRequest("agent.model: a session cannot be without a model.", code="agent_model_required")
    return model if isinstance(model, str) else {name: value for name, value in model.items() if name != "effort"}
