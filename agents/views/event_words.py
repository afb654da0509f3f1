"""PURE: an event of the log in a person's words: what was called and with what, what was decided, what went wrong."""

import json
import re
from collections.abc import Mapping
from typing import Any

SUMMARY_MAX_CHARS = 160
REORDERING = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")  # makes a text look like another one
MAIN_ARGUMENTS = ("command", "file_path", "path", "pattern", "url", "query", "message", "agent")
DEEDS = {
    "bash": "Ran",
    "read": "Read",
    "write": "Wrote",
    "edit": "Edited",
    "glob": "Looked for the files",
    "grep": "Searched the files for",
    "web_fetch": "Opened",
    "web_search": "Searched the web for",
}
MARKS = {
    "session.status_running": "Turn started",
    "session.status_idle": "Waits for input",
    "session.status_rescheduled": "Tries again after a fault",
    "session.status_terminated": "Session ended",
    "session.thread_status_terminated": "Thread ended",
    "session.deleted": "Session deleted",
    "session.updated": "Session changed",
    "agent.thinking": "Thinking",
    "agent.thread_context_compacted": "Context compacted: the agent goes on with a summary of what came before",
    "user.interrupt": "Interrupted",
}
REASONS = {
    "requires_action": "Waits for an answer",
    "budget_reached": "Paused: the budget is used up",
    "retries_exhausted": "Stopped: it gave up after a fault",
    "refusal": "Stopped: the model refused",
}
JUDGEMENTS = {
    "allow": "Judged harmless: it ran without asking.",
    "ask": "Whether it is harmless was not clear, so a person decides.",
    "deny": "Judged dangerous: it never ran.",
}
WHAT_NEXT = {
    "retrying": "It tries again by itself.",
    "exhausted": "It gave up; the next message starts afresh.",
    "terminal": "The session ends here.",
}


def text_of(content: Any) -> str:
    """The text of wire content blocks, and what a search found; other blocks as their type."""
    if isinstance(content, str):
        return content
    if isinstance(content, Mapping):
        return str(content.get("content") or content.get("text") or "")
    return "\n".join(_block_text(block) for block in content or ())


def _block_text(block: Mapping[str, Any]) -> str:
    match block.get("type"):
        case "text":
            return str(block.get("text") or "")
        case "search_result":
            return _in_order(f"{block['title']}\n{block['source']}\n{text_of(block['content'])}\n")
        case kind:
            return f"[{kind}]"


def call_name(call: Mapping[str, Any]) -> str:
    """What a person reads as the tool's name; one of an MCP server goes by that server's name, too."""
    server, name = call.get("mcp_server_name"), str(call.get("name", "tool"))
    return f"{server}: {name}" if server else name


def arguments_of(arguments: Mapping[str, Any]) -> str:
    """What a call is given, as a person reads it before allowing it: in the order in which it runs."""
    is_command = set(arguments) == {"command"}
    text = str(arguments["command"]) if is_command else json.dumps(arguments, indent=2, ensure_ascii=False)
    return _in_order(text)


def main_argument(arguments: Mapping[str, Any]) -> str:
    """The one argument that says most; all of them where none of the usual is given."""
    named = next((arguments[name] for name in MAIN_ARGUMENTS if arguments.get(name)), None)
    return _in_order(str(named) if named is not None else json.dumps(arguments, ensure_ascii=False))


def deed_of(call: Mapping[str, Any]) -> str:
    """What a call did, in a plain sentence."""
    what = first_line(main_argument(call.get("input") or {}))
    deed = DEEDS.get(str(call.get("name"))) if call["type"] == "agent.tool_use" else None
    permission = call.get("evaluated_permission")
    if permission in ("ask", "deny"):
        return (
            f"{'Asked whether it may' if permission == 'ask' else 'Was not allowed to'} use {call_name(call)}: {what}"
        )
    return f"{deed} {what}" if deed else f"Used {call_name(call)}: {what}"


def judgement_of(call: Mapping[str, Any]) -> str:
    """What the policy `auto` found, and why; nothing for a call under another policy."""
    judged = (call.get("evaluation") or {}).get("evaluated_permission") or {}
    words = JUDGEMENTS.get(str(judged.get("type")), "")
    reason = str(judged.get("reason_code") or "").replace("_", " ")
    return f"{words} ({reason})" if words and reason else words


def decision_of(event: Mapping[str, Any]) -> str:
    """What a person decided about a call, with the reason."""
    word = {"allow": "Allowed", "deny": "Denied"}.get(str(event.get("result")), "Decided")
    reason = event.get("deny_message")
    return f"{word}: {reason}" if reason else word


def what_was_found(content: Any) -> str:
    """What a search found, in a line; nothing for any other result."""
    hits = [block for block in content or () if isinstance(block, Mapping) and block.get("type") == "search_result"]
    titles = "; ".join(" ".join(hit["title"].split()) for hit in hits)
    return _in_order(f"{len(hits)} found: {titles}") if hits else ""


def error_words(error: Mapping[str, Any]) -> str:
    """What went wrong and what happens next; one of an MCP server goes by that server's name."""
    message, server = str(error.get("message") or error.get("type")), error.get("mcp_server_name")
    if server:
        said = message if str(server) in message else f"{server}: {message}"
        return f"{_sentence(said)} The session goes on without this server."
    ahead = WHAT_NEXT.get((error.get("retry_status") or {}).get("type", ""), "")
    return f"{_sentence(message)} {ahead}" if ahead else message


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


def first_line(text: str) -> str:
    """The first line that says something, cut to a summary."""
    line = next((line for line in text.splitlines() if line.strip()), "")
    return line if len(line) <= SUMMARY_MAX_CHARS else f"{line[:SUMMARY_MAX_CHARS]}…"


def _in_order(text: str) -> str:
    return REORDERING.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
