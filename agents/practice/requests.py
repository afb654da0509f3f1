"""PURE: what a Messages request must be before it is answered, with the refusals that a real endpoint would give."""

from typing import Any

from .conversation import blocks_of

ROLES = frozenset({"user", "assistant", "system"})


def problem_with(request: Any, *, counting: bool = False) -> str | None:
    """One sentence that names the field, or None. Token counting needs no `max_tokens`."""
    if not isinstance(request, dict):
        return "the request body must be a JSON object"
    if not isinstance(request.get("model"), str) or not request["model"]:
        return "model: Field required"
    limit = request.get("max_tokens")
    if not counting and (not isinstance(limit, int) or isinstance(limit, bool) or limit < 1):
        return "max_tokens: must be an integer of at least 1"
    return _problem_with_tools(request) or _problem_with_messages(request.get("messages"))


def _problem_with_tools(request: dict[str, Any]) -> str | None:
    tools = request.get("tools") or []
    if not isinstance(tools, list) or not all(isinstance(tool, dict) for tool in tools):
        return "tools: must be a list of objects"
    names = [tool.get("name") for tool in tools]
    if len(set(names)) != len(names):
        return "tools: Tool names must be unique"
    choice = request.get("tool_choice") or {}
    if not isinstance(choice, dict) or (choice.get("type") == "tool" and choice.get("name") not in names):
        return "tool_choice: must name one of the tools"
    return None


def _problem_with_messages(messages: Any) -> str | None:
    if not isinstance(messages, list) or not messages:
        return "messages: at least one message is required"
    for index, message in enumerate(messages):
        if not isinstance(message, dict) or message.get("role") not in ROLES:
            return f"messages.{index}.role: must be one of {', '.join(sorted(ROLES))}"
        if not _is_content(message.get("content")):
            return f"messages.{index}.content: must be a string or a list of blocks with a type"
    if messages[0]["role"] == "assistant":
        return "messages: first message must use the user role"
    return _problem_with_pairs(messages)


def _is_content(content: Any) -> bool:
    if isinstance(content, list):
        return all(isinstance(block, dict) and isinstance(block.get("type"), str) for block in content)
    return isinstance(content, str)


def _problem_with_pairs(messages: list[dict[str, Any]]) -> str | None:
    """Each tool use is answered in the very next message and each result answers one: a real endpoint insists on it."""
    asked: list[str] = []
    for index, message in enumerate(messages):
        blocks = blocks_of(message["content"])
        answered = [str(block.get("tool_use_id")) for block in blocks if block["type"] == "tool_result"]
        if stray := [use for use in answered if use not in asked]:
            return f"messages.{index}: unexpected `tool_use_id` found in `tool_result` blocks: {', '.join(stray)}"
        if missing := [use for use in asked if use not in answered]:
            return f"messages.{index}: `tool_use` ids were found without `tool_result` blocks: {', '.join(missing)}"
        asked = [str(block.get("id")) for block in blocks if block["type"] == "tool_use"]
        if len(set(asked)) != len(asked):
            return f"messages.{index}: `tool_use` ids must be unique"
    if asked:
        return f"messages.{len(messages) - 1}: `tool_use` ids were found without `tool_result` blocks after it"
    return None
