"""PURE: an agent's definition as a request states it -> the resolved definition that is stored and shown."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from agents.exceptions import InvalidRequest
from agents.limits import (
    AGENT_DESCRIPTION_MAX,
    AGENT_NAME_MAX,
    AGENT_SYSTEM_MAX,
    AGENT_TOOLS_MAX,
    CUSTOM_TOOL_NAME_MAX,
)
from agents.metadata import check_metadata, merge_metadata

type Definition = dict[str, Any]

TOOLSET = "agent_toolset_20260401"
BUILT_IN_TOOLS = ("bash", "read", "write", "edit", "glob", "grep", "web_fetch", "web_search")
DEFAULT_EFFORT = "high"  # what the Messages API does when a request names no effort
DEFAULT_SPEED = "standard"
ALWAYS_ALLOW = {"type": "always_allow"}

_EMPTY: Definition = {
    "name": "",
    "description": None,
    "model": None,
    "system": None,
    "tools": [],
    "mcp_servers": [],
    "skills": [],
    "multiagent": None,
    "execution_identity": {"type": "service_account"},
    "metadata": {},
}
_UNSUPPORTED = ("mcp_servers", "skills", "multiagent")
_TOOL_NAME = re.compile(rf"[A-Za-z0-9_-]{{1,{CUSTOM_TOOL_NAME_MAX}}}")
_RESERVED_PREFIXES = ("mcp__", "ant__")
_PROPERTY_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_COMBINERS = ("oneOf", "anyOf", "allOf")


def resolve(body: Mapping[str, Any], previous: Definition | None = None) -> Definition:
    """What the agent is after this create, or after this update of `previous`; a member that is left out stays."""
    before = previous or _EMPTY
    _refuse_unsupported(body)
    return {
        "name": _text("name", body.get("name", before["name"]), AGENT_NAME_MAX, shortest=1),
        "description": _optional(body, before, "description", AGENT_DESCRIPTION_MAX),
        "model": _model(body["model"], before["model"]) if "model" in body else _required_model(before),
        "system": _optional(body, before, "system", AGENT_SYSTEM_MAX),
        "tools": _tools(body["tools"] or []) if "tools" in body else before["tools"],
        "mcp_servers": before["mcp_servers"],
        "skills": before["skills"],
        "multiagent": before["multiagent"],
        "execution_identity": _execution_identity(body, before),
        "metadata": _metadata(body, previous),
    }


def _refuse_unsupported(body: Mapping[str, Any]) -> None:
    for name in _UNSUPPORTED:
        if body.get(name):
            raise InvalidRequest(f"{name}: is not supported by this version of Lucid yet.")


def _text(name: str, value: Any, longest: int, *, shortest: int = 0) -> str:
    if not isinstance(value, str) or not shortest <= len(value) <= longest:
        raise InvalidRequest(f"{name}: it must be a text of {shortest} to {longest:,} characters.")
    return value


def _optional(body: Mapping[str, Any], before: Definition, name: str, longest: int) -> str | None:
    if name not in body:
        value: str | None = before[name]
        return value
    return _text(name, body[name] or "", longest) or None


def _required_model(before: Definition) -> dict[str, Any]:
    if before["model"] is None:
        raise InvalidRequest("model: Field required")
    model: dict[str, Any] = before["model"]
    return model


def _model(wanted: str | Mapping[str, Any], before: Mapping[str, Any] | None) -> dict[str, Any]:
    config = {"id": wanted} if isinstance(wanted, str) else wanted
    model_id = _text("model.id" if isinstance(wanted, Mapping) else "model", config["id"], AGENT_NAME_MAX, shortest=1)
    effort = config.get("effort") or _kept_effort(model_id, before)
    return {
        "id": model_id,
        "effort": {"type": effort} if isinstance(effort, str) else {"type": effort["type"]},
        "speed": config.get("speed") or DEFAULT_SPEED,
        "inference_geo": config.get("inference_geo"),
    }


def _kept_effort(model_id: str, before: Mapping[str, Any] | None) -> Any:
    """The effort stays with the model: another id starts at the default again."""
    return before["effort"] if before and before["id"] == model_id else DEFAULT_EFFORT


def _execution_identity(body: Mapping[str, Any], before: Definition) -> dict[str, Any]:
    if "execution_identity" not in body:
        identity: dict[str, Any] = before["execution_identity"]
        return identity
    wanted = body["execution_identity"] or {"type": "service_account"}
    if wanted["type"] != "service_account":
        raise InvalidRequest(
            f"execution_identity.type: {wanted['type']} is not supported by this version of Lucid yet."
        )
    return {"type": "service_account"}


def _metadata(body: Mapping[str, Any], previous: Definition | None) -> dict[str, str]:
    if previous is None:
        return check_metadata(body.get("metadata"))
    return merge_metadata(previous["metadata"], body.get("metadata"))


def _tools(tools: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    resolved = [_tool(tool, f"tools.{index}") for index, tool in enumerate(tools)]
    names: set[str] = set()
    for index, tool in enumerate(resolved):
        name = tool["name"] if tool["type"] == "custom" else tool["type"]
        if name in names:
            raise InvalidRequest(f"tools.{index}: {name!r} appears twice.")
        names.add(name)
    count = sum(1 if tool["type"] == "custom" else len(BUILT_IN_TOOLS) for tool in resolved)
    if count > AGENT_TOOLS_MAX:
        raise InvalidRequest(f"tools: {count} tools are more than the {AGENT_TOOLS_MAX} allowed.")
    return resolved


def _tool(tool: Mapping[str, Any], field: str) -> dict[str, Any]:
    if tool["type"] == TOOLSET:
        return _toolset(tool, field)
    if tool["type"] == "custom":
        return _custom_tool(tool, field)
    raise InvalidRequest(f"{field}.type: {tool['type']} is not supported by this version of Lucid yet.")


def _toolset(toolset: Mapping[str, Any], field: str) -> dict[str, Any]:
    given = toolset.get("default_config") or {}
    default = {
        "enabled": True if given.get("enabled") is None else given["enabled"],
        "permission_policy": _policy(given.get("permission_policy")),
    }
    configs: dict[str, dict[str, Any]] = {}
    for index, config in enumerate(toolset.get("configs") or []):
        if config["name"] in configs:
            raise InvalidRequest(f"{field}.configs.{index}.name: {config['name']!r} appears twice.")
        configs[config["name"]] = _built_in(config, default, f"{field}.configs.{index}")
    return {"type": TOOLSET, "default_config": default, "configs": list(configs.values())}


def _built_in(config: Mapping[str, Any], default: Mapping[str, Any], field: str) -> dict[str, Any]:
    name = config["name"]
    if name not in BUILT_IN_TOOLS:
        raise InvalidRequest(f"{field}.name: {name!r} is no built-in tool; use one of {', '.join(BUILT_IN_TOOLS)}.")
    if config.get("type", name) != name:
        raise InvalidRequest(f"{field}.type: it must be {name!r} like the name.")
    if config.get("allowed_domains") and config.get("blocked_domains"):
        raise InvalidRequest(f"{field}: give allowed_domains or blocked_domains, not both.")
    settings = {key: value for key, value in config.items() if key not in ("enabled", "permission_policy")}
    policy = config.get("permission_policy") or default["permission_policy"]
    return {
        **settings,
        "type": name,
        "enabled": default["enabled"] if config.get("enabled") is None else config["enabled"],
        "permission_policy": _policy(policy),
    }


def _policy(policy: Mapping[str, Any] | None) -> dict[str, Any]:
    return dict(policy or ALWAYS_ALLOW)


def _custom_tool(tool: Mapping[str, Any], field: str) -> dict[str, Any]:
    name, schema = tool["name"], tool["input_schema"]
    if not _TOOL_NAME.fullmatch(name):
        raise InvalidRequest(f"{field}.name: use 1 to {CUSTOM_TOOL_NAME_MAX} letters, digits, '_' and '-'.")
    if name in BUILT_IN_TOOLS or name.startswith(_RESERVED_PREFIXES):
        raise InvalidRequest(f"{field}.name: {name!r} is reserved.")
    if not tool["description"].strip():
        raise InvalidRequest(f"{field}.description: it must not be empty.")
    _check_schema(schema, f"{field}.input_schema")
    return {"type": "custom", "name": name, "description": tool["description"], "input_schema": dict(schema)}


def _check_schema(schema: Mapping[str, Any], field: str) -> None:
    if schema.get("type") != "object":
        raise InvalidRequest(f"{field}.type: it must be 'object'.")
    if found := next((word for word in _COMBINERS if word in schema), None):
        raise InvalidRequest(f"{field}: {found} is not allowed at the top.")
    for name in schema.get("properties") or {}:
        if not _PROPERTY_NAME.fullmatch(name):
            raise InvalidRequest(f"{field}.properties: {name!r} must be 1 to 64 letters, digits, '_', '.' and '-'.")
    if "$ref" in _keys(schema):
        raise InvalidRequest(f"{field}: $ref is not allowed.")


def _keys(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        yield from value
        for member in value.values():
            yield from _keys(member)
    elif isinstance(value, list):
        for member in value:
            yield from _keys(member)
