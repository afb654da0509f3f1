"""PURE: a built-in tool's input -> checked arguments, as lenient and as strict as the SDK's own validator."""

import math
import re
from collections.abc import Callable, Mapping
from typing import Any


class BadArguments(Exception):
    """The text the model reads."""


def text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError
    return value


def integer(value: Any) -> int:
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float) and math.isfinite(value) and value == int(value):
        return int(value)
    if isinstance(value, str) and re.fullmatch(r"[+-]?\d{1,4000}(?:_\d+)*(?:\.0*)?", value.strip(), re.ASCII):
        return int(value.strip().split(".")[0])
    raise ValueError


def boolean(value: Any) -> bool:
    words = {"1": True, "true": True, "t": True, "yes": True, "y": True, "on": True}
    words |= {"0": False, "false": False, "f": False, "no": False, "n": False, "off": False}
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float) and value in (0, 1):
        return bool(value)
    if isinstance(value, str) and value.lower() in words:
        return words[value.lower()]
    raise ValueError


def integers(value: Any) -> list[int]:
    if not isinstance(value, list):
        raise ValueError
    return [integer(each) for each in value]


Check = Callable[[Any], Any]
REQUIRED: dict[str, dict[str, Check]] = {
    "bash": {},
    "read": {"file_path": text},
    "write": {"file_path": text, "content": text},
    "edit": {"file_path": text, "old_string": text, "new_string": text},
    "glob": {"pattern": text},
    "grep": {"pattern": text},
}
OPTIONAL: dict[str, dict[str, Check]] = {
    "bash": {"command": text, "restart": boolean, "timeout_ms": integer},
    "read": {"view_range": integers},
    "write": {},
    "edit": {"replace_all": boolean},
    "glob": {"path": text},
    "grep": {"path": text},
}
TOOL_NAMES = tuple(REQUIRED)


def checked(tool: str, values: Any) -> dict[str, Any]:
    """The arguments to call `tool` with; BadArguments when they do not fit its schema."""
    if not isinstance(values, Mapping):
        raise BadArguments(repr(TypeError(f"Input must be a dictionary, got {type(values).__name__}")))
    required, optional = REQUIRED[tool], OPTIONAL[tool]
    try:
        arguments = {name: check(values[name]) for name, check in required.items()}
        for name, value in values.items():
            if name not in required:
                arguments[name] = None if value is None else optional[name](value)
    except (KeyError, ValueError):
        raise BadArguments(repr(ValueError(f"Invalid arguments for function {tool}")))
    return arguments
