"""PURE: what a client may put into a session; shapes are checked before, these are the rules beyond them."""

from collections.abc import Mapping, Sequence
from typing import Any

from agents.exceptions import InvalidRequest
from agents.file_sources import unreadable
from agents.limits import EVENTS_PER_REQUEST_MAX, SESSION_INITIAL_EVENTS_MAX, SYSTEM_BLOCKS_MAX

SYSTEM = "system.message"
CONFIRMATION = "user.tool_confirmation"
CUSTOM_RESULT = "user.custom_tool_result"
WORKERS_RESULT = "user.tool_result"  # of a self-hosted environment's worker
# What answers a call, and the member by which it names that.
ANSWERS = {CONFIRMATION: "tool_use_id", CUSTOM_RESULT: "custom_tool_use_id", WORKERS_RESULT: "tool_use_id"}
SUPPORTED = (
    "user.message",
    "user.interrupt",
    CONFIRMATION,
    CUSTOM_RESULT,
    WORKERS_RESULT,
    SYSTEM,
)
INITIAL = ("user.message",)
# These answer a call that waits: they enter the log when they arrive, not when a worker has time.
RESULTS = (CUSTOM_RESULT, WORKERS_RESULT)
ON_RECEIPT = (CONFIRMATION, *RESULTS)


def check_events(events: Sequence[Mapping[str, Any]]) -> None:
    """A batch for a session that exists."""
    if not 1 <= len(events) <= EVENTS_PER_REQUEST_MAX:
        raise InvalidRequest(f"events: send 1 to {EVENTS_PER_REQUEST_MAX:,} events.")
    _check_each(events, "events", SUPPORTED)
    if not is_lone_system(events):
        _check_system(events, "events", RESULTS)
    _check_system_blocks(events, "events")


def check_initial_events(events: Sequence[Mapping[str, Any]]) -> None:
    """A batch for a session that is being made; none is fine."""
    if len(events) > SESSION_INITIAL_EVENTS_MAX:
        raise InvalidRequest(f"initial_events: at most {SESSION_INITIAL_EVENTS_MAX} events are allowed.")
    _check_each(events, "initial_events", INITIAL)


def check_deployment_events(events: Sequence[Mapping[str, Any]]) -> None:
    """What each session of a deployment begins with: what any may begin with, and a system message at the end."""
    if not 1 <= len(events) <= SESSION_INITIAL_EVENTS_MAX:
        raise InvalidRequest(f"initial_events: 1 to {SESSION_INITIAL_EVENTS_MAX} events are needed.")
    _check_each(events, "initial_events", (*INITIAL, SYSTEM))
    _check_system(events, "initial_events")
    _check_system_blocks(events, "initial_events")


def is_lone_system(events: Sequence[Mapping[str, Any]]) -> bool:
    """Whether it is one system message and nothing else, which starts no turn."""
    return [event["type"] for event in events] == [SYSTEM]


def _check_system(events: Sequence[Mapping[str, Any]], field: str, results: Sequence[str] = ()) -> None:
    """It accompanies the message or the result before it: both are taken in together, so neither ever waits alone."""
    accompanied = ("user.message", *results)
    for index, event in enumerate(events):
        if event["type"] != SYSTEM:
            continue
        if index == 0 or index != len(events) - 1 or events[index - 1]["type"] not in accompanied:
            raise InvalidRequest(
                f"{field}.{index}: a system.message must come last and directly follow a {' or '.join(accompanied)}."
            )


def _check_system_blocks(events: Sequence[Mapping[str, Any]], field: str) -> None:
    for index, event in enumerate(events):
        if event["type"] == SYSTEM and not 1 <= len(event["content"]) <= SYSTEM_BLOCKS_MAX:
            raise InvalidRequest(f"{field}.{index}.content: it must have 1 to {SYSTEM_BLOCKS_MAX:,} blocks.")


def _check_each(events: Sequence[Mapping[str, Any]], field: str, supported: Sequence[str]) -> None:
    for index, event in enumerate(events):
        if event["type"] not in supported:
            raise InvalidRequest(
                f"{field}.{index}.type: this installation takes no {event['type']}; send {', '.join(supported)}."
            )
        if event["type"] == "user.message" and not event["content"]:
            raise InvalidRequest(f"{field}.{index}.content: it must not be empty.")
        if event.get("deny_message") is not None and event["result"] != "deny":
            raise InvalidRequest(f"{field}.{index}.deny_message: it goes with the result deny only.")
        for place, block in enumerate(event.get("content") or []):
            _check_block(block, f"{field}.{index}.content.{place}", is_result=event["type"] in RESULTS)


def _check_block(block: Mapping[str, Any], field: str, *, is_result: bool) -> None:
    """What a tool gave is what it is, blank or not: the model is told of what it cannot read, and the call is over."""
    if block["type"] == "redacted":
        raise InvalidRequest(f"{field}.type: redacted blocks come from the server only.")
    if block["type"] == "text" and not (block["text"].strip() or (is_result and block["text"])):
        raise InvalidRequest(f"{field}.text: it must not be empty.")
    if not is_result and (reason := unreadable(block)):
        raise InvalidRequest(f"{field}.{reason}")
