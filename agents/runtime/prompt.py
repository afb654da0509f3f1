"""PURE: a thread's log and its agent -> the Messages request."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from agents import limits, long_results
from agents.eventlog.wire import Logged, private
from agents.file_sources import left_out, unreadable
from agents.limits import CUSTOM_TOOL_NAME_MAX
from agents.runtime.tools.mcp_definitions import model_name

type Block = dict[str, Any]
type Message = dict[str, Any]

SKILLS = (
    "Skills are read-only folders with instructions, programs and other files for certain kinds of tasks. When a task"
    " fits a description below, read the skill's SKILL.md before you start and follow it; the paths that it names are"
    " relative to its folder."
)
TOOL_NAME = re.compile(rf"[A-Za-z0-9_-]{{1,{CUSTOM_TOOL_NAME_MAX}}}")  # what the Messages API takes
UNUSUAL = re.compile(r"[^A-Za-z0-9_-]")
CLIENTS = "Whoever carried out the call has the rest."
INTERRUPTED = "Tool execution was interrupted before completion. Please retry."
DEFAULT_EFFORT = "high"  # the Messages API's own default; sent only when the agent asks for another


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A skill as the model is told of it."""

    name: str
    folder: str
    description: str


def skills_note(skills: Sequence[Told], missing: Sequence[str]) -> str:
    """What the system prompt says of an agent's skills; `missing` are the ids of those that were deleted."""
    lines = [f"- {skill.name} ({skill.folder}/SKILL.md): {' '.join(skill.description.split())}" for skill in skills]
    gone = [f"The skill {skill_id} was deleted and can no longer be read." for skill_id in missing]
    return "\n".join([*([SKILLS] if skills else []), *lines, *gone])


def build_request(
    agent: dict[str, Any],
    messages: list[Message],
    *,
    tools: Sequence[dict[str, Any]],
    notes: Sequence[str],
    max_tokens: int = limits.MODEL_MAX_TOKENS,
) -> dict[str, Any]:
    """`agent` is the session's snapshot, `notes` what the platform adds to its system prompt, in order."""
    request: dict[str, Any] = {
        "model": agent["model"]["id"],
        "max_tokens": max_tokens,
        "messages": messages,
    }
    system = "\n\n".join(part for part in (agent.get("system") or "", *notes) if part)
    if system:
        request["system"] = system
    if tools:
        request["tools"] = list(tools)
    effort = (agent["model"].get("effort") or {}).get("type", DEFAULT_EFFORT)
    if effort != DEFAULT_EFFORT:
        request["output_config"] = {"effort": effort}
    if place := agent["model"].get("inference_geo"):
        request["inference_geo"] = place
    return request


def blocks_of(event: Logged) -> tuple[str, list[Block]]:
    """What the event adds to the conversation, and whose words they are."""
    payload = event.payload
    match event.type:
        case "user.message" | "agent.thread_message_received":
            return "user", payload["content"]
        case "system.message":
            return "system", payload["content"]
        case "agent.message":
            return "assistant", payload["content"]
        case "agent.tool_use" | "agent.custom_tool_use" | "agent.mcp_tool_use":
            server = payload.get("mcp_server_name")
            name = _sendable(payload["name"]) if server is None else model_name(server, payload["name"])
            return "assistant", [{"type": "tool_use", "id": event.event_id, "name": name, "input": payload["input"]}]
        case "agent.tool_result" | "user.tool_result":
            return "user", [_result(payload["tool_use_id"], event)]
        case "agent.mcp_tool_result":
            return "user", [_result(payload["mcp_tool_use_id"], event)]
        case "user.custom_tool_result":
            return "user", [_result(payload["custom_tool_use_id"], event)]
    return "", []


def _sendable(name: str) -> str:
    """A model that invents a name which endpoints refuse must not cost the session every request that repeats it."""
    if TOOL_NAME.fullmatch(name):
        return name
    return UNUSUAL.sub("_", name)[:CUSTOM_TOOL_NAME_MAX] or "unnamed"


def _result(tool_use_id: str, event: Logged) -> Block:
    return {
        "type": "tool_result",
        "tool_use_id": tool_use_id,
        "content": _readable(event),
        "is_error": bool(event.payload.get("is_error")),
    }


def _readable(event: Logged) -> list[Block]:
    """A client's own result stands in the log as it was sent, however long it is and whatever it shows; ours were
    bounded before."""
    content: list[Block] = event.payload.get("content") or []
    if not event.type.startswith("user."):
        return content
    content = [left_out(reason) if (reason := unreadable(block)) else block for block in content]
    if not long_results.is_long(content):
        return content
    path = private(event).get("file")
    return long_results.previewed(content, path) if path else long_results.shortened(content, CLIENTS)
