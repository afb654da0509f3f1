"""PURE: one line of a transcript file, in any known format -> what happened, as events without ids.

Formats, told apart by their members: OpenAI chat messages, Anthropic messages, Managed Agents events.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from agents.limits import METADATA_KEY_MAX, METADATA_PAIRS_MAX, METADATA_VALUE_MAX
from agents.storable import storable

MESSAGES_MAX = 10_000  # one transcript; more is a log file, not a conversation
LOOKS_LIKE_AN_ERROR = re.compile(r"\s*(error|exception|traceback|failed|failure)\b", re.IGNORECASE)
KEPT_MEMBERS = ("task_id", "trial", "source", "principal", "id")


class BadTranscript(ValueError):
    """The line is no transcript; the message says what is wrong with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A message of the user or of the agent; `content` is a list of text blocks."""

    by_agent: bool
    content: list[dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A tool call; `reference` is the transcript's own id of it."""

    reference: str
    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a call came to; `reference` is the call's."""

    reference: str
    content: list[dict[str, Any]]
    is_error: bool


type Happening = Said | Call | Result


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """`is_completed` is the verdict that came with it, None for none."""

    happenings: tuple[Happening, ...]
    system: str | None = None
    model: str | None = None
    title: str | None = None
    is_completed: bool | None = None
    metadata: dict[str, str] = field(default_factory=dict)

    @property
    def calls(self) -> Iterable[Call]:
        return (happening for happening in self.happenings if isinstance(happening, Call))


def read(record: Any) -> Transcript:
    """The transcript in a line's JSON; `BadTranscript` says what is wrong where there is none."""
    if not isinstance(record, dict):
        raise BadTranscript("not a JSON object")
    messages = record.get("messages", record.get("events"))
    if not isinstance(messages, list) or not messages:
        raise BadTranscript("neither a list of messages nor one of events")
    if len(messages) > MESSAGES_MAX:
        raise BadTranscript(f"more than {MESSAGES_MAX:,} messages")
    try:
        record = storable(record)
        messages = record.get("messages", record.get("events"))
        happenings = _of_events(messages) if "events" in record else _of_messages(messages)
        is_completed, system = _verdict(record), _system(record, messages)
    except (KeyError, TypeError, AttributeError, RecursionError, StopIteration) as error:
        raise BadTranscript(f"a message is malformed ({type(error).__name__}: {error})") from error
    if not happenings:
        raise BadTranscript("nothing is said in it")
    _check_references(happenings)
    return Transcript(
        happenings=tuple(happenings),
        system=system,
        model=record["model"] if isinstance(record.get("model"), str) else None,
        title=record["title"] if isinstance(record.get("title"), str) else None,
        is_completed=is_completed,
        metadata=_metadata(record),
    )


def _of_messages(messages: list[dict[str, Any]]) -> list[Happening]:
    happenings: list[Happening] = []
    for message in messages:
        match message["role"]:
            case "user":
                happenings += _of_blocks(message.get("content"), by_agent=False)
            case "assistant":
                happenings += _of_blocks(message.get("content"), by_agent=True)
                happenings += [_openai_call(call) for call in message.get("tool_calls") or []]
            case "tool":
                content = _text_blocks(message.get("content"))
                reference = _name(message["tool_call_id"])
                happenings.append(Result(reference=reference, content=content, is_error=_is_error(content)))
            case "system" | "developer":
                pass
            case role:
                raise BadTranscript(f"the role {role!r} is unknown")
    return happenings


def _of_blocks(content: Any, *, by_agent: bool) -> list[Happening]:
    if not isinstance(content, list):
        blocks = _text_blocks(content)
        return [Said(by_agent=by_agent, content=blocks)] if blocks else []
    happenings: list[Happening] = []
    for block in content:
        match block["type"]:
            case "tool_use":
                happenings.append(_call(block["id"], block["name"], block["input"]))
            case "tool_result":
                inner = _text_blocks(block.get("content"))
                is_error = bool(block.get("is_error")) or _is_error(inner)
                happenings.append(Result(reference=_name(block["tool_use_id"]), content=inner, is_error=is_error))
            case "text":
                happenings.append(Said(by_agent=by_agent, content=_text_blocks(block["text"])))
    return [happening for happening in happenings if not isinstance(happening, Said) or happening.content]


def _openai_call(call: dict[str, Any]) -> Call:
    function = call["function"]
    try:
        arguments = storable(json.loads(function.get("arguments") or "{}"))
    except ValueError:
        arguments = {"arguments": function["arguments"]}  # what the model wrote is kept, also where it is no JSON
    if not isinstance(arguments, dict):
        arguments = {"arguments": arguments}
    return _call(call["id"], function["name"], arguments)


def _call(reference: Any, name: Any, arguments: Any) -> Call:
    if not isinstance(arguments, dict):
        raise TypeError(f"the arguments of {name!r} are no object")
    return Call(reference=_name(reference), name=_name(name), arguments=arguments)


def _name(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r:.80} is no name")
    return value


def _of_events(events: list[dict[str, Any]]) -> list[Happening]:
    happenings: list[Happening] = []
    for event in events:
        match event["type"]:
            case "user.message" | "agent.message" as kind:
                content = _text_blocks(event["content"])
                happenings.append(Said(by_agent=kind == "agent.message", content=content))
            case "agent.tool_use" | "agent.custom_tool_use" | "agent.mcp_tool_use":
                happenings.append(_call(event["id"], event["name"], event["input"]))
            case "agent.tool_result" | "agent.mcp_tool_result" | "user.custom_tool_result" | "user.tool_result":
                reference = next(event[name] for name in event if name.endswith("tool_use_id"))
                content = _text_blocks(event.get("content"))
                happenings.append(
                    Result(reference=_name(reference), content=content, is_error=bool(event.get("is_error")))
                )
    return [happening for happening in happenings if not isinstance(happening, Said) or happening.content]


def _check_references(happenings: list[Happening]) -> None:
    """Every result answers an earlier call, once: anything else could not be shown as a session."""
    open_calls: set[str] = set()
    for happening in happenings:
        if isinstance(happening, Call):
            open_calls.add(happening.reference)
        elif isinstance(happening, Result):
            if happening.reference not in open_calls:
                raise BadTranscript(f"a tool result answers no open call ({happening.reference!r})")
            open_calls.discard(happening.reference)


def _text_blocks(content: Any) -> list[dict[str, Any]]:
    """Strings and text blocks -> text blocks; what is no text is named, not kept."""
    if content is None:
        return []
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    blocks = []
    for block in content:
        if text := _text_in(block):
            blocks.append({"type": "text", "text": str(text)})
    return blocks


def _text_in(block: dict[str, Any]) -> Any:
    match block["type"]:
        case "text" | "input_text" | "output_text":
            return block.get("text")
        case "search_result":
            found = [f"{block.get('title')} ({block.get('source')})", *map(_text_in, block.get("content") or [])]
            return "\n".join(map(str, found))
    return f"[{block['type']}]"


def _is_error(content: list[dict[str, Any]]) -> bool:
    return bool(content) and bool(LOOKS_LIKE_AN_ERROR.match(content[0]["text"]))


def _system(record: dict[str, Any], messages: list[dict[str, Any]]) -> str | None:
    own = record.get("system") or next(
        (message.get("content") for message in messages if message.get("role") in ("system", "developer")), None
    )
    return "\n\n".join(block["text"] for block in _text_blocks(own)) or None


def _verdict(record: dict[str, Any]) -> bool | None:
    """`reward` of at least 1, or `outcome` in words; anything else is no verdict."""
    reward, outcome = record.get("reward"), record.get("outcome")
    if isinstance(reward, bool):
        return reward
    if isinstance(reward, int | float):
        return reward >= 1
    if isinstance(outcome, bool):
        return outcome
    return {"completed": True, "success": True, "satisfied": True, "failed": False, "failure": False}.get(str(outcome))


def _metadata(record: dict[str, Any]) -> dict[str, str]:
    """The transcript's own and what stands beside it, the latter first: a session may have so much and no more."""
    own = record.get("metadata")
    beside = {name: record[name] for name in KEPT_MEMBERS if record.get(name) is not None}
    found = {**beside, **(own if isinstance(own, dict) else {}), **beside}
    kept = {str(name): str(value) for name, value in found.items() if isinstance(value, str | int | float)}
    fits = [
        pair for pair in kept.items() if 0 < len(pair[0]) <= METADATA_KEY_MAX and len(pair[1]) <= METADATA_VALUE_MAX
    ]
    return dict(fits[:METADATA_PAIRS_MAX])
