"""PURE: a model request that must be answered by one call of one tool, and what that call brings."""

from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from dreams.limits import MODEL_ANSWER_MAX_TOKENS


def forced_request(
    tool: dict[str, Any], system: str, text: str, *, model: str, instructions: str = ""
) -> dict[str, Any]:
    """The Messages request; `instructions` are those of the person who started the dream."""
    return {
        "model": model,
        "max_tokens": MODEL_ANSWER_MAX_TOKENS,
        "system": system + (f"\n\nThe person who started this dream adds:\n{instructions}" if instructions else ""),
        "messages": [{"role": "user", "content": text}],
        "tools": [tool],
        "tool_choice": {"type": "tool", "name": tool["name"]},
    }


def forced_input(content: Sequence[Any], tool: str) -> Any:
    """The input of the forced call; other calls and text are ignored. ValueError where the model did not make it."""
    for block in content:
        if isinstance(block, dict) and block.get("type") == "tool_use" and block.get("name") == tool:
            return block.get("input")
    raise ValueError(f"The model did not call {tool}.")


def first_problem(error: ValidationError) -> str:
    """What is wrong with an input, and where, for the model to mend."""
    first = error.errors(include_url=False)[0]
    return f"{'.'.join(str(part) for part in first['loc']) or 'input'}: {first['msg']}"
