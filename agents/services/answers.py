"""What clients answer to an agent's calls: whether one may run, what a custom tool or a worker's tool came to."""

from typing import Any

from django.db.models import QuerySet

from agents import long_results, trust
from agents.actors import Actor
from agents.client_events import ANSWERS, CONFIRMATION, CUSTOM_RESULT, WORKERS_RESULT
from agents.definitions.tools import is_enabled
from agents.environment_config import WORKERS_TOOLS
from agents.eventlog.append import NewEvent, append
from agents.eventlog.wire import PRIVATE, wire_event
from agents.exceptions import InvalidRequest
from agents.models import Event, Session

TAKERS = {
    CONFIRMATION: "a tool call that asks for permission",
    CUSTOM_RESULT: "a custom tool call",
    WORKERS_RESULT: "a call of a tool that workers carry out",
}


def answer_call(session: Session, event: dict[str, Any], *, actor: Actor) -> dict[str, Any]:
    """Log a client's answer to a call, inside the caller's transaction; a second result for one call is ignored."""
    kind = event["type"]
    member = ANSWERS[kind]
    if kind == WORKERS_RESULT and not session.environment.is_self_hosted:
        raise InvalidRequest(f"type: only sessions of a self-hosted environment take {kind}, from their worker.")
    call = session.events.filter(event_id=event[member]).first()
    if call is None or not _takes(call, kind):
        raise InvalidRequest(f"{member}: {event[member]!r} is not {TAKERS[kind]} of this session.")
    earlier = _said_since(call).filter(type=kind, **{f"payload__{member}": call.event_id})
    if found := earlier.first():
        if kind != CONFIRMATION:
            return wire_event(found)
        raise InvalidRequest(f"{member}: {call.event_id!r} was decided already.")
    if _is_answered(call):
        raise InvalidRequest(f"{member}: {call.event_id!r} is over: its result is in the log.")
    if kind == WORKERS_RESULT and not _is_allowed(call):
        raise InvalidRequest(f"{member}: {call.event_id!r} was not allowed to run.")
    payload = {name: value for name, value in event.items() if name != "type"}
    if kind != CONFIRMATION and _becomes_file(call, session, event):
        payload[PRIVATE] = {"file": long_results.path_of(call.event_id)}
    is_workers = kind == WORKERS_RESULT and not actor.api_key and bool(event.get("is_error"))
    level = trust.TOOL_ERROR if is_workers else trust.OUTSIDE
    row = append(session.pk, call.thread, [NewEvent(type=kind, payload=payload, trust=level)])[0]
    return wire_event(row)


def _takes(call: Event, kind: str) -> bool:
    if kind == CUSTOM_RESULT:
        return call.type == "agent.custom_tool_use"
    if kind == WORKERS_RESULT:
        return call.type == "agent.tool_use" and call.payload.get("name") in WORKERS_TOOLS
    is_ours = call.type in ("agent.tool_use", "agent.mcp_tool_use")
    return is_ours and call.payload.get("evaluated_permission") == "ask"


def _becomes_file(call: Event, session: Session, event: dict[str, Any]) -> bool:
    """Whether the result is too long for the model, and there is a box where it can look into the whole of it."""
    if session.environment.is_self_hosted or not long_results.is_long(event.get("content")):
        return False
    return any(is_enabled(call.thread.agent_snapshot["tools"], name) for name in long_results.READERS)


def _is_allowed(call: Event) -> bool:
    """Whether the platform allowed the call, or a person did where it asked."""
    if call.payload.get("evaluated_permission") == "ask":
        said = _said_since(call).filter(type=CONFIRMATION, payload__tool_use_id=call.event_id)
        return said.filter(payload__result="allow").exists()
    return call.payload.get("evaluated_permission") != "deny"


def _is_answered(call: Event) -> bool:
    member = "mcp_tool_use_id" if call.type == "agent.mcp_tool_use" else "tool_use_id"
    kinds = (call.type.replace("_use", "_result"), WORKERS_RESULT)
    return _said_since(call).filter(type__in=kinds, **{f"payload__{member}": call.event_id}).exists()


def _said_since(call: Event) -> QuerySet[Event]:
    """The thread's events after the call: however long the log before it is, nobody looks through that."""
    return Event.objects.filter(thread=call.thread_id, seq__gt=call.seq)
