"""PURE: the built-in tools as the model sees them: names, descriptions and schemas of `agent_toolset_20260401`.

Kept as literals, equal to what the SDK generates, because importing its toolset takes longer than starting a worker."""

from collections.abc import Mapping
from typing import Any

MODEL_PREFIX = "BetaManagedAgentsAgentToolset20260401"
TEXT = {"type": "string"}
INTEGER = {"type": "integer"}
BOOLEAN = {"type": "boolean"}


def _definition(
    name: str, description: str, note: str, required: Mapping[str, Any], optional: Mapping[str, Any]
) -> dict[str, Any]:
    properties = {key: {**kind, "title": _title(key)} for key, kind in required.items()}
    for key, kind in optional.items():
        properties[key] = {"anyOf": [kind, {"type": "null"}], "default": None, "title": _title(key)}
    schema: dict[str, Any] = {
        "additionalProperties": True,
        "description": note,
        "properties": dict(sorted(properties.items())),
        "title": f"{MODEL_PREFIX}{name.capitalize()}Input",
        "type": "object",
    }
    if required:
        schema["required"] = list(required)
    return {"name": name, "description": description, "input_schema": schema}


def _web_definition(name: str, description: str, argument: str) -> dict[str, Any]:
    schema = {
        "additionalProperties": True,
        "properties": {argument: {"title": _title(argument), "type": "string"}},
        "required": [argument],
        "title": f"{MODEL_PREFIX}{_title(name).replace(' ', '')}Input",
        "type": "object",
    }
    return {"name": name, "description": description, "input_schema": schema}


def _title(key: str) -> str:
    return key.replace("_", " ").title()


_DEFINITIONS = {
    "bash": _definition(
        "bash",
        "Run a command in a persistent bash shell.",
        "Input payload for the `bash` tool of the\n`agent_toolset_20260401` toolset.\n\nAll fields are optional;\n"
        "a normal invocation supplies `command`, while `restart=true`\n"
        "(with no `command`) reboots the runner-side bash session.",
        {},
        {"command": TEXT, "restart": BOOLEAN, "timeout_ms": INTEGER},
    ),
    "read": _definition(
        "read",
        "Read a file rooted at the working directory.",
        "Input payload for the `read` tool.\n\nReads file contents\n"
        "relative to the runner's working directory (or absolute when\nthe runner permits).",
        {"file_path": TEXT},
        {"view_range": {"items": INTEGER, "type": "array"}},
    ),
    "write": _definition(
        "write",
        "Write a file, creating parent directories as needed.",
        "Input payload for the `write` tool.\n\nWrites (overwriting) the\nentire file contents.",
        {"content": TEXT, "file_path": TEXT},
        {},
    ),
    "edit": _definition(
        "edit",
        "Replace text in a file by exact string match.",
        "Input payload for the `edit` tool.\n\nPerforms a string\n"
        "replacement in the named file; by default `old_string` must\noccur exactly once.",
        {"file_path": TEXT, "new_string": TEXT, "old_string": TEXT},
        {"replace_all": BOOLEAN},
    ),
    "glob": _definition(
        "glob",
        "List files matching a glob pattern, newest first.",
        "Input payload for the `glob` tool.\n\nReturns paths matching a\ndoublestar glob pattern, newest first.",
        {"pattern": TEXT},
        {"path": TEXT},
    ),
    "grep": _definition(
        "grep",
        "Search file contents for a regular expression.",
        "Input payload for the `grep` tool.\n\nSearches file contents for\n"
        "a regular expression, returning matching lines.",
        {"pattern": TEXT},
        {"path": TEXT},
    ),
}
# The SDK has none of these names.
_DEFINITIONS["web_fetch"] = _web_definition(
    "web_fetch", "Fetch the content of a web page or PDF at a URL. Pages come as Markdown.", "url"
)
_DEFINITIONS["web_search"] = _web_definition(
    "web_search", "Search the web. Gives title, address and an extract of each page that was found.", "query"
)
OFFERED_TOOLS = tuple(_DEFINITIONS)


def tool_definitions(toolset: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The Messages-API definitions of the tools that an agent's resolved toolset entry enables."""
    return [_DEFINITIONS[name] for name in OFFERED_TOOLS if is_enabled(toolset, name)]


def is_enabled(toolset: Mapping[str, Any], name: str) -> bool:
    """A tool's own entry wins over the default, which is on where nothing is said."""
    for config in toolset.get("configs") or []:
        if config["name"] == name and config.get("enabled") is not None:
            return bool(config["enabled"])
    default = (toolset.get("default_config") or {}).get("enabled")
    return True if default is None else bool(default)
