"""Makes the events that a turn writes; nothing here writes them."""

from collections.abc import Set
from dataclasses import replace
from typing import Any

from agents import trust
from agents.eventlog.append import NewEvent
from agents.eventlog.wire import COMPACTED, PRIVATE, REQUEST_END, REQUEST_START, Logged
from agents.runtime.position import RESULT_OF, WORKERS_RESULT
from agents.runtime.prompt import INTERRUPTED

type Call = Logged | NewEvent


def request_start() -> NewEvent:
    """The span of a model request begins; its id is the event's."""
    return NewEvent(type=REQUEST_START)


def request_end(
    request_id: str, usage: dict[str, int], *, is_error: bool = False, is_too_long: bool = False
) -> NewEvent:
    """`is_too_long`: the endpoint refused the request for its length, which only we need to know."""
    counters = {
        "input_tokens": usage.get("input_tokens", 0),
        "output_tokens": usage.get("output_tokens", 0),
        "cache_creation_input_tokens": usage.get("cache_creation_input_tokens", 0),
        "cache_read_input_tokens": usage.get("cache_read_input_tokens", 0),
    }
    payload = {"model_request_start_id": request_id, "model_usage": counters, "is_error": is_error}
    if is_too_long:
        payload[PRIVATE] = {"is_too_long": True}
    return NewEvent(type=REQUEST_END, payload=payload)


def compacted(summary: str, keeps_from: str | None, text_max: int, usage: dict[str, int]) -> NewEvent:
    """A client learns that it happened; the rest is what the conversation is folded from. It is a model's own text
    about text of any origin, so it is trusted like any prose."""
    kept = {"summary": summary, "keeps_from": keeps_from, "text_max": text_max, "usage": usage}
    return NewEvent(type=COMPACTED, payload={PRIVATE: kept}, trust=trust.OUTSIDE)


def error(type: str, message: str, retry: str) -> NewEvent:
    """`type` and `retry` are the wire's words: what failed, and whether the session goes on by itself."""
    body = {"type": type, "message": message, "retry_status": {"type": retry}}
    return NewEvent(type="session.error", payload={"error": body})


def text(text: str) -> list[dict[str, Any]]:
    """A text as content."""
    return [{"type": "text", "text": text}]


# Results


def result(call: Call, content: list[dict[str, Any]], *, is_error: bool) -> NewEvent:
    """The event that closes the call. Only the errors of our own tools are ours: an MCP server says what it likes."""
    kind, member = RESULT_OF[call.type]
    payload = {member: call.event_id, "content": content, "is_error": is_error}
    is_ours = is_error and call.type == "agent.tool_use"
    return NewEvent(type=kind, payload=payload, trust=trust.TOOL_ERROR if is_ours else trust.OUTSIDE)


def is_elsewhere(call: Call, elsewhere: Set[str]) -> bool:
    """Whether a worker of somebody's own carries the call out."""
    return call.type == "agent.tool_use" and call.payload["name"] in elsewhere


def closed(call: Call, result: NewEvent, elsewhere: Set[str]) -> NewEvent:
    """A worker that comes back runs each of its calls again that has no result of its own kind."""
    return replace(result, type=WORKERS_RESULT[0]) if is_elsewhere(call, elsewhere) else result


def interrupted(call: Call, elsewhere: Set[str]) -> NewEvent:
    """The result of a call that may have run or not."""
    return closed(call, result(call, text(INTERRUPTED), is_error=True), elsewhere)


def denied(call: Call, decision: Logged, elsewhere: Set[str]) -> NewEvent:
    """The result of a call that a client did not allow, with the reason that they gave."""
    reason = decision.payload.get("deny_message")
    said = f"The user rejected this tool call: {reason}" if reason else "The user rejected this tool call."
    # A client's words, not the tool's.
    told = replace(result(call, text(said), is_error=True), trust=trust.OUTSIDE)
    return closed(call, told, elsewhere)


def refused(use: NewEvent, elsewhere: Set[str], *, said: str = "") -> NewEvent:
    """The answer to a call that the platform does not allow, whoever would have to carry it out; `said` is another
    reason than that."""
    return closed(use, result(use, text(said or _refusal(use)), is_error=True), elsewhere)


def _refusal(use: NewEvent) -> str:
    if use.type == "agent.mcp_tool_use":
        return f"The tool {use.payload['name']} of the MCP server {use.payload['mcp_server_name']} is not available."
    return f"Permission to use {use.payload['name']} has been denied."
