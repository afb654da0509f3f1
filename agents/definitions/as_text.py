"""PURE: a definition as lines for people, and the lines that people write back into one."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from agents.definitions.parts import Definition
from agents.definitions.tools import BUILT_IN_TOOLS, MCP_TOOLSET, TOOLSET

POLICIES = {"allow": "always_allow", "ask": "always_ask", "auto": "auto"}
OFF = "off"


class BadLine(Exception):
    """A line that says nothing that could be understood; the message names its number."""

    def __init__(self, number: int, message: str) -> None:
        super().__init__(f"Line {number}: {message}")


def as_text(definition: Definition) -> str:
    """The whole of it, in the order of the form, so that two versions can be compared word by word."""
    return "\n".join(_lines(definition))


def switches(definition: Definition | None) -> dict[str, str]:
    """Every built-in tool as off, allow, ask or auto."""
    toolset = toolset_of(definition)
    if toolset is None:
        return dict.fromkeys(BUILT_IN_TOOLS, OFF)
    own = {config["name"]: config for config in toolset["configs"]}
    return {name: _switch(own.get(name, toolset["default_config"])) for name in BUILT_IN_TOOLS}


def toolset_of(definition: Definition | None) -> dict[str, Any] | None:
    tools = definition["tools"] if definition else []
    return next((tool for tool in tools if tool["type"] == TOOLSET), None)


def server_lines(definition: Definition) -> str:
    """`name address policy`, one server a line."""
    toolsets = {tool["mcp_server_name"]: tool for tool in definition["tools"] if tool["type"] == MCP_TOOLSET}
    return "\n".join(
        f"{server['name']} {server['url']} {_switch(toolsets[server['name']]['default_config'])}"
        for server in definition["mcp_servers"]
    )


def servers_from(text: str, before: Definition | None) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The servers and their toolsets that the lines name; what single tools of a server were told stays."""
    tools = before["tools"] if before else []
    known = {tool["mcp_server_name"]: tool for tool in tools if tool["type"] == MCP_TOOLSET}
    servers, toolsets = [], []
    for number, line in _numbered(text):
        name, url, policy = _server(number, line)
        servers.append({"type": "url", "name": name, "url": url})
        default = {"enabled": policy != OFF, "permission_policy": {"type": POLICIES.get(policy, POLICIES["ask"])}}
        configs = known[name]["configs"] if name in known else []
        toolsets.append({"type": MCP_TOOLSET, "mcp_server_name": name, "default_config": default, "configs": configs})
    return servers, toolsets


def pairs_from(text: str, between: str = "=") -> dict[str, str]:
    """`key = value`, one pair a line."""
    pairs: dict[str, str] = {}
    for number, line in _numbered(text):
        key, found, value = (part.strip() for part in line.partition(between))
        if not found or not key:
            raise BadLine(number, f"write it as key {between} value.")
        if key in pairs:
            raise BadLine(number, f"{key!r} stands there twice.")
        pairs[key] = value
    return pairs


def pair_lines(pairs: Mapping[str, str], between: str = " = ") -> str:
    return "\n".join(f"{key}{between}{value}" for key, value in pairs.items())


def json_entries(text: str) -> list[tuple[int, dict[str, Any]]]:
    """The objects of a JSON list, each with the line where it begins."""
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        raise BadLine(error.lineno, f"{error.msg}, at character {error.colno}.") from error
    decoder, position, entries = json.JSONDecoder(), _next(text, 0), []
    if text[position] != "[":
        raise BadLine(1, "it must be a list: begin with [.")
    position = _next(text, position + 1)
    while text[position] != "]":
        line = text.count("\n", 0, position) + 1
        entry, position = decoder.raw_decode(text, position)
        if not isinstance(entry, dict):
            raise BadLine(line, "a tool is an object in braces.")
        entries.append((line, entry))
        position = _next(text, position)
        if text[position] == ",":
            position = _next(text, position + 1)
    return entries


def _next(text: str, position: int) -> int:
    while text[position].isspace():
        position += 1
    return position


def _numbered(text: str) -> Iterator[tuple[int, str]]:
    return ((number, line.strip()) for number, line in enumerate(text.splitlines(), start=1) if line.strip())


def _server(number: int, line: str) -> tuple[str, str, str]:
    words = line.split()
    policy = words.pop() if words[-1] in (*POLICIES, OFF) else "ask"
    if len(words) < 2:
        raise BadLine(number, "write it as: name address, and after it allow, ask, auto or off.")
    return " ".join(words[:-1]), words[-1], policy


def _switch(config: Mapping[str, Any]) -> str:
    if not config["enabled"]:
        return OFF
    policy = config["permission_policy"]["type"]
    return next(word for word, name in POLICIES.items() if name == policy)


def _lines(definition: Definition) -> Iterator[str]:
    model = definition["model"]
    yield f"Name: {definition['name']}"
    yield f"Model: {model['id']}, effort {model['effort']['type']}, speed {model['speed']}"
    if model["inference_geo"]:
        yield f"Region: {model['inference_geo']}"
    yield f"Description: {definition['description'] or '–'}"
    yield from ("", "# System prompt", *(definition["system"] or "–").splitlines())
    yield from ("", "# Tools", *_tool_lines(definition))
    yield from ("", "# MCP servers", *(f"- {line}" for line in server_lines(definition).splitlines()))
    yield from ("", "# Skills", *(f"- {skill['skill_id']} {skill['version']}" for skill in definition["skills"]))
    yield from ("", "# Roster", *_json_lines(definition["multiagent"]))
    yield from ("", "# Metadata", *(f"- {key} = {value}" for key, value in definition["metadata"].items()))


def _tool_lines(definition: Definition) -> Iterator[str]:
    yield from (f"- {name}: {switch}" for name, switch in switches(definition).items() if switch != OFF)
    for tool in definition["tools"]:
        if tool["type"] == "custom":
            yield f"- {tool['name']}: {tool['description']}"
            yield from _json_lines(tool["input_schema"])
        for config in tool.get("configs") or []:
            settings = {name: value for name, value in config.items() if name not in _SWITCHES and value is not None}
            if tool["type"] == MCP_TOOLSET:
                yield f"- {tool['mcp_server_name']}: {config['name']}: {_switch(config)}"
            elif settings:
                yield f"- {config['name']}: {json.dumps(settings, ensure_ascii=False)}"


_SWITCHES = ("name", "type", "enabled", "permission_policy")


def _json_lines(value: Any) -> list[str]:
    return [] if value is None else json.dumps(value, indent=2, ensure_ascii=False).splitlines()
