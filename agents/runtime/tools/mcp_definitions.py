"""PURE: the tools that an MCP server lists, as the model sees them: names and schemas that the API takes."""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from agents.limits import CUSTOM_TOOL_NAME_MAX, MCP_DESCRIPTION_MAX, MCP_SCHEMA_MAX_CHARS, MCP_TOOL_NAME_MAX
from agents.storable import storable

DEPTH_MAX = 32
COMBINERS = ("oneOf", "anyOf", "allOf")
REFERENCES = ("$ref", "$dynamicRef")
PROPERTY_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
PLAIN_SERVER = re.compile(r"[A-Za-z0-9-]+(?:_[A-Za-z0-9-]+)*")
PLAIN_TOOL = re.compile(r"[A-Za-z0-9_-]*")
UNUSUAL = re.compile(r"[^A-Za-z0-9-]+")


class BadDefinition(Exception):
    """A tool that the model cannot be offered; the text says why."""


def model_name(server: str, tool: str) -> str:
    """What the model calls the tool: no other tool of any server, no built-in and no custom one has the same name."""
    plain = f"mcp__{server}__{tool}"
    if PLAIN_SERVER.fullmatch(server) and PLAIN_TOOL.fullmatch(tool) and len(plain) <= CUSTOM_TOOL_NAME_MAX:
        return plain
    # Three underscores: no plain name begins so, whatever a server calls its tools.
    digest = hashlib.sha256(f"{server}\0{tool}".encode()).hexdigest()[:12]
    slug = UNUSUAL.sub("-", f"{server}-{tool}").strip("-")
    return f"mcp___{digest}__{slug}"[:CUSTOM_TOOL_NAME_MAX]


def definition_of(server: str, name: str, description: str | None, schema: Any) -> dict[str, Any]:
    """The Messages-API definition of a listed tool, or `BadDefinition`."""
    if not 1 <= len(name) <= MCP_TOOL_NAME_MAX or storable(name) != name:
        raise BadDefinition("its name is no name")
    text = storable(description or "").strip() or f"The tool {name} of the MCP server {server}."
    return {
        "name": model_name(server, name),
        "description": text[:MCP_DESCRIPTION_MAX],
        "input_schema": checked_schema(schema),
    }


def checked_schema(schema: Any) -> dict[str, Any]:
    """One schema that the API refuses would cost the session every request: it is told from the good ones before."""
    if not isinstance(schema, Mapping) or schema.get("type") != "object":
        raise BadDefinition("its input schema is no object")
    _check_depth(schema)
    if len(json.dumps(schema)) > MCP_SCHEMA_MAX_CHARS:
        raise BadDefinition("its input schema is too long")
    if any(word in schema for word in COMBINERS):
        raise BadDefinition("its input schema has alternatives at the top")
    properties = schema.get("properties", {})
    if not isinstance(properties, Mapping) or not all(PROPERTY_NAME.fullmatch(name) for name in properties):
        raise BadDefinition("its input schema has properties of unusual names")
    # Importing it takes longer than a step of a turn; only sessions with MCP servers pay for it.
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError

    try:
        Draft202012Validator.check_schema(schema)
    except (SchemaError, RecursionError):
        raise BadDefinition("its input schema is no JSON Schema") from None
    checked: dict[str, Any] = storable(schema)
    return checked


def _check_depth(value: Any, depth: int = 0) -> None:
    if depth > DEPTH_MAX:
        raise BadDefinition("its input schema is too deep")
    if isinstance(value, Mapping):
        for name in REFERENCES:
            if isinstance(value.get(name), str) and not value[name].startswith("#"):
                raise BadDefinition("its input schema refers to other documents")
    members = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    for member in members:
        _check_depth(member, depth + 1)
