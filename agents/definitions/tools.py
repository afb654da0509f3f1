"""PURE: the tools of an agent: the built-in toolset, toolsets of MCP servers, custom tools."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from agents.definitions.web import check_sources_are_tools, web_settings
from agents.exceptions import InvalidRequest
from agents.limits import AGENT_TOOLS_MAX, CUSTOM_TOOL_NAME_MAX, MCP_SERVER_NAME_MAX, MCP_TOOL_NAME_MAX

type Tool = dict[str, Any]

TOOLSET = "agent_toolset_20260401"
MCP_TOOLSET = "mcp_toolset"
BUILT_IN_TOOLS = ("bash", "read", "write", "edit", "glob", "grep", "web_fetch", "web_search")
ALWAYS_ALLOW = {"type": "always_allow"}
ALWAYS_ASK = {"type": "always_ask"}

_TOOL_NAME = re.compile(rf"[A-Za-z0-9_-]{{1,{CUSTOM_TOOL_NAME_MAX}}}")
_RESERVED_PREFIXES = ("mcp__", "ant__")
_PROPERTY_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_COMBINERS = ("oneOf", "anyOf", "allOf")


def tools(entries: Sequence[Mapping[str, Any]]) -> list[Tool]:
    resolved = [_tool(tool, f"tools.{index}") for index, tool in enumerate(entries)]
    names: set[tuple[str, str]] = set()
    for index, tool in enumerate(resolved):
        name = tool.get("name") or tool.get("mcp_server_name") or tool["type"]
        if (tool["type"], name) in names:
            raise InvalidRequest(f"tools.{index}: {name!r} appears twice.")
        names.add((tool["type"], name))
    count = sum(_count(tool) for tool in resolved)
    if count > AGENT_TOOLS_MAX:
        raise InvalidRequest(f"tools: {count} tools are more than the {AGENT_TOOLS_MAX} allowed.")
    check_sources_are_tools(resolved)
    return resolved


def is_enabled(entries: Sequence[Mapping[str, Any]], name: str) -> bool:
    """Whether the resolved tools offer this built-in one."""
    toolset = next((tool for tool in entries if tool["type"] == TOOLSET), None)
    if toolset is None:
        return False
    own = next((config for config in toolset["configs"] if config["name"] == name), toolset["default_config"])
    return bool(own["enabled"])


def _count(tool: Tool) -> int:
    """How many tools it brings; of an MCP server only those that are named can be known."""
    match tool["type"]:
        case "agent_toolset_20260401":
            return len(BUILT_IN_TOOLS)
        case "mcp_toolset":
            return max(1, len(tool["configs"]))
    return 1


def _tool(tool: Mapping[str, Any], field: str) -> Tool:
    match tool["type"]:
        case "agent_toolset_20260401":
            return _toolset(tool, field)
        case "mcp_toolset":
            return _mcp_toolset(tool, field)
    return _custom_tool(tool, field)


def _toolset(toolset: Mapping[str, Any], field: str) -> Tool:
    default = _default_config(toolset, ALWAYS_ALLOW)
    named = _by_name(toolset, field)
    configs = [_built_in(config, default, place) for place, config in named.items()]
    return {"type": TOOLSET, "default_config": default, "configs": configs}


def _mcp_toolset(toolset: Mapping[str, Any], field: str) -> Tool:
    """Which tools the server has is known when a session asks it: a config for a name that it lacks stays dormant."""
    _check_length(toolset["mcp_server_name"], MCP_SERVER_NAME_MAX, f"{field}.mcp_server_name")
    default = _default_config(toolset, ALWAYS_ASK)
    configs = []
    for place, config in _by_name(toolset, field).items():
        _check_length(config["name"], MCP_TOOL_NAME_MAX, f"{place}.name")
        configs.append({"name": config["name"], **_switches(config, default)})
    return {
        "type": MCP_TOOLSET,
        "mcp_server_name": toolset["mcp_server_name"],
        "default_config": default,
        "configs": configs,
    }


def _default_config(toolset: Mapping[str, Any], policy: Mapping[str, Any]) -> dict[str, Any]:
    return _switches(toolset.get("default_config") or {}, {"enabled": True, "permission_policy": policy})


def _switches(config: Mapping[str, Any], default: Mapping[str, Any]) -> dict[str, Any]:
    """An entry's own word, else the toolset's."""
    return {
        "enabled": default["enabled"] if config.get("enabled") is None else config["enabled"],
        "permission_policy": dict(config.get("permission_policy") or default["permission_policy"]),
    }


def _by_name(toolset: Mapping[str, Any], field: str) -> dict[str, Mapping[str, Any]]:
    """The configs by the place where each stands."""
    found: dict[str, Mapping[str, Any]] = {}
    names: set[str] = set()
    for index, config in enumerate(toolset.get("configs") or []):
        place = f"{field}.configs.{index}"
        if config["name"] in names:
            raise InvalidRequest(f"{place}.name: {config['name']!r} appears twice.")
        names.add(config["name"])
        found[place] = config
    return found


def _built_in(config: Mapping[str, Any], default: Mapping[str, Any], field: str) -> dict[str, Any]:
    name = config["name"]
    if name not in BUILT_IN_TOOLS:
        raise InvalidRequest(f"{field}.name: {name!r} is no built-in tool; use one of {', '.join(BUILT_IN_TOOLS)}.")
    if config.get("type", name) != name:
        raise InvalidRequest(f"{field}.type: it must be {name!r} like the name.")
    return {"name": name, "type": name, **_switches(config, default), **web_settings(config, field)}


def _custom_tool(tool: Mapping[str, Any], field: str) -> Tool:
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
    for name, described in (schema.get("properties") or {}).items():
        if not _PROPERTY_NAME.fullmatch(name):
            raise InvalidRequest(f"{field}.properties: {name!r} must be 1 to 64 letters, digits, '_', '.' and '-'.")
        if not isinstance(described, Mapping | bool):
            raise InvalidRequest(f"{field}.properties.{name}: it must be a JSON Schema: an object, true or false.")
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


def _check_length(name: str, longest: int, field: str) -> None:
    if not 1 <= len(name) <= longest:
        raise InvalidRequest(f"{field}: it must have 1 to {longest} characters.")
