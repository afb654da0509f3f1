"""PURE: what a client may put into a session; shapes are checked before, these are the rules beyond them."""

from collections.abc import Mapping, Sequence
from typing import Any

from agents.exceptions import InvalidRequest
from agents.limits import EVENTS_PER_REQUEST_MAX, SESSION_INITIAL_EVENTS_MAX

SUPPORTED = ("user.message", "user.interrupt", "user.tool_confirmation", "user.custom_tool_result")
INITIAL = ("user.message",)
# These answer a call that waits: they enter the log when they arrive, not when a worker has time.
ON_RECEIPT = ("user.tool_confirmation", "user.custom_tool_result")


def check_events(events: Sequence[Mapping[str, Any]]) -> None:
    """A batch for a session that exists."""
    if not 1 <= len(events) <= EVENTS_PER_REQUEST_MAX:
        raise InvalidRequest(f"events: send 1 to {EVENTS_PER_REQUEST_MAX:,} events.")
    _check_each(events, "events", SUPPORTED)


def check_initial_events(events: Sequence[Mapping[str, Any]]) -> None:
    if len(events) > SESSION_INITIAL_EVENTS_MAX:
        raise InvalidRequest(f"initial_events: at most {SESSION_INITIAL_EVENTS_MAX} events are allowed.")
    _check_each(events, "initial_events", INITIAL)


def _check_each(events: Sequence[Mapping[str, Any]], field: str, supported: Sequence[str]) -> None:
    for index, event in enumerate(events):
        if event["type"] not in supported:
            raise InvalidRequest(
                f"{field}.{index}.type: {event['type']} is not supported by this version of Lucid yet."
            )
        if event["type"] == "user.message" and not event["content"]:
            raise InvalidRequest(f"{field}.{index}.content: it must not be empty.")
        if event.get("deny_message") is not None and event["result"] != "deny":
            raise InvalidRequest(f"{field}.{index}.deny_message: it goes with the result deny only.")
        for place, block in enumerate(event.get("content") or []):
            _check_block(block, f"{field}.{index}.content.{place}")


def _check_block(block: Mapping[str, Any], field: str) -> None:
    if block["type"] == "redacted":
        raise InvalidRequest(f"{field}.type: redacted blocks come from the server only.")
    if block["type"] == "text" and not block["text"].strip():
        raise InvalidRequest(f"{field}.text: it must not be empty.")
    if block.get("source", {}).get("type") == "file":
        raise InvalidRequest(f"{field}.source.type: files are not supported by this version of Lucid yet.")
