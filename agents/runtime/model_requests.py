"""The model requests of a turn: opened, sent, and what is made of their answers."""

from typing import Any

from agents import limits, trust
from agents.eventlog.append import NewEvent
from agents.eventlog.channel import wants_previews
from agents.model_facts import takes_search_results
from agents.plugs import model_client
from agents.runtime import rests
from agents.runtime.model import ModelError, ModelStopped, Reply
from agents.runtime.previews import Preview
from agents.runtime.prompt import build_request
from agents.runtime.search_results import sendable
from agents.runtime.servers import has_tools, reach_servers
from agents.runtime.tools.mcp import McpStopped
from agents.runtime.turn import Turn
from agents.runtime.turn_events import error, is_elsewhere, refused, request_end, request_start
from agents.services.named_files import with_files

CUT_OFF = (
    "The answer came to its limit of tokens in the middle of this call, so it was not carried out. Make it in smaller"
    " parts."
)


def with_next_request(turn: Turn, events: list[NewEvent]) -> list[NewEvent]:
    """These events and the opening of the model request that they lead to. With a budget that is asked first, with MCP
    servers they are, what would be too long is compacted first, and where there were too many already there is none."""
    is_last = turn.position.requests >= limits.MODEL_REQUESTS_PER_TURN_MAX
    waits = is_last or turn.is_capped or not has_tools(turn) or not turn.would_fit(events)
    return events if waits else [*events, request_start()]


def open_request(turn: Turn, resumes: bool) -> None:
    """Find out what the model may call, and open the span of the next request; `resumes` after a wait."""
    opening = turn.running() if resumes else []
    if opening and not has_tools(turn):
        turn.commit(opening)  # before a wait
        opening = []
    try:
        errors = reach_servers(turn)
    except McpStopped:
        rests.interrupt(turn)
    else:
        turn.commit([*opening, *errors, request_start()])


def call_model(turn: Turn, request_id: str) -> None:
    """Ask the model what the open request asks, and log its answer or why there is none."""
    try:
        if errors := reach_servers(turn):
            turn.commit(errors)
    except McpStopped:
        rests.interrupt(turn)
        return
    request = _request(turn)
    preview = Preview(turn.thread.pk, request_id)
    listener = preview if wants_previews(turn.thread.pk) else None
    turn.about_to_ask()
    try:
        reply = model_client().answer(request, stop=turn.should_stop, listener=listener)
    except ModelError as failure:
        end = request_end(request_id, {}, is_error=True, is_too_long=failure.is_too_long)
        if failure.is_too_long:
            turn.commit([end])  # it is compacted next
        else:
            take_failure(turn, [end], failure)
    except ModelStopped:
        rests.interrupt(turn)
    else:
        _take_reply(turn, request_id, reply, preview)


def _request(turn: Turn) -> dict[str, Any]:
    conversation, toolbox = turn.log.conversation, turn.toolbox
    agent = turn.thread.agent_snapshot
    request = build_request(
        agent, conversation.messages, tools=toolbox.definitions, notes=toolbox.notes, max_tokens=turn.window.reply
    )
    if conversation.has_search_results:
        takes_blocks = takes_search_results(agent["model"]["id"])
        request["messages"] = sendable(request["messages"], takes_blocks=takes_blocks)
    if conversation.names_files:
        request["messages"] = with_files(request["messages"], turn.workspace_id)
    return request


def take_failure(turn: Turn, closing: list[NewEvent], failure: ModelError) -> None:
    """Try again in a while, or come to rest; `closing` is what the failed request leaves in the log."""
    failures = turn.position.failures
    if failure.is_transient and failures < len(limits.MODEL_RETRY_DELAYS):
        told = error(failure.type, failure.message, "retrying")
        patience = min(failure.retry_after, limits.MODEL_RETRY_AFTER_MAX)
        rests.reschedule(turn, [*closing, told], max(limits.MODEL_RETRY_DELAYS[failures], patience))
    else:
        flush = [*closing, error(failure.type, failure.message, "exhausted")]
        rests.finish(turn, flush, {"type": "retries_exhausted"}, drops_mail=True)


def _take_reply(turn: Turn, request_id: str, reply: Reply, preview: Preview) -> None:
    events, end = _said(reply, preview), request_end(request_id, reply.usage)
    if reply.stop_reason == "refusal":  # what it was about to call is not called
        rests.finish(turn, [*events, end], {"type": "refusal"}, _refusal(reply.stop_details))
        return
    uses = [_use(turn, block) for block in reply.tool_uses]
    cut = None
    if reply.is_cut_in_call:
        cut = uses[-1] = _cut_off(reply.tool_uses[-1])
    denials = [use for use in uses if use.payload.get("evaluated_permission") == "deny"]
    refusals = [refused(use, turn.elsewhere, said=CUT_OFF if use is cut else "") for use in denials]
    if uses and all(_is_for_client(turn, use) for use in uses):
        rests.await_client(turn, [*events, *uses, end])
    elif uses:
        turn.commit([*events, *uses, end, *refusals])
    else:
        rests.finish(turn, [*events, end], {"type": "end_turn"})


def _said(reply: Reply, preview: Preview) -> list[NewEvent]:
    thoughts = [block for block in reply.content if block["type"] == "thinking"]
    events = [NewEvent(type="agent.thinking", event_id=preview.thinking_id(n)) for n in range(len(thoughts))]
    # Blank text is no message, and endpoints refuse a conversation that repeats one.
    texts = [block for block in reply.content if block["type"] == "text" and block["text"].strip()]
    if texts:
        events.append(NewEvent(type="agent.message", payload={"content": texts}, event_id=preview.message_id))
    return events


def _use(turn: Turn, block: dict[str, Any]) -> NewEvent:
    kind, members = turn.toolbox.use(block["name"], block["input"])
    return NewEvent(type=kind, payload={**members, "input": block["input"]}, trust=trust.TOOL_INPUT)


def _cut_off(block: dict[str, Any]) -> NewEvent:
    """A call whose end is missing, whoever would have carried it out: what there is of it could do harm."""
    members = {"name": block["name"], "evaluated_permission": "deny", "input": block["input"]}
    return NewEvent(type="agent.tool_use", payload=members, trust=trust.TOOL_INPUT)


def _is_for_client(turn: Turn, use: NewEvent) -> bool:
    permission = use.payload.get("evaluated_permission")
    if use.type == "agent.custom_tool_use" or permission == "ask":
        return True
    return is_elsewhere(use, turn.elsewhere) and permission != "deny"


def _refusal(details: dict[str, Any] | None) -> dict[str, Any]:
    """What the endpoint says of its refusal; anything but text is nothing that clients could read."""
    said = {name: (details or {}).get(name) for name in ("category", "explanation")}
    return {"type": "refusal", **{name: text if isinstance(text, str) else None for name, text in said.items()}}
