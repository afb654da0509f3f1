"""PURE: reads one Messages request: its system text, the last thing a person said, and the tool calls made since."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .summaries import name_of, noted, without_summary

Block = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One tool call of the conversation with what came back."""

    name: str
    input: dict[str, Any]
    output: str
    is_error: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """What a request shows: nothing of it is remembered afterwards."""

    system: str
    said: str
    turns: int
    calls: tuple[Call, ...]
    tools: frozenset[str]
    forced: str | None


def read_conversation(request: dict[str, Any]) -> Conversation:
    messages: list[dict[str, Any]] = request["messages"]
    start = last_said(messages)
    choice = request.get("tool_choice") or {}
    words = text_of(messages[start]["content"]) if start is not None else ""
    said = without_summary(words)
    return Conversation(
        system=text_of(request.get("system") or ""),
        said=said,
        turns=sum(message["role"] == "assistant" for message in messages[(start or 0) :]) + _told(words, said),
        calls=tuple(calls_of(messages[(start or 0) :])),
        tools=frozenset(str(tool.get("name", "")) for tool in request.get("tools") or ()),
        forced=choice.get("name") if choice.get("type") == "tool" else None,
    )


def _told(words: str, said: str) -> int:
    """Answers to what was said of which nothing but a summary is left."""
    count, name = noted(words) or (0, "")
    return count if name == name_of(said) else 0


def blocks_of(content: str | list[Block]) -> list[Block]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else list(content or ())


def text_of(content: str | list[Block]) -> str:
    return "\n".join(str(block.get("text", "")) for block in blocks_of(content) if block.get("type") == "text")


def last_said(messages: list[dict[str, Any]]) -> int | None:
    """The index of the last user message with words in it; one with only tool results continues the turn before."""
    for index in range(len(messages) - 1, -1, -1):
        if messages[index]["role"] == "user" and text_of(messages[index]["content"]).strip():
            return index
    return None


def calls_of(messages: list[dict[str, Any]]) -> Iterator[Call]:
    results = {
        block.get("tool_use_id"): block
        for message in messages
        if message["role"] == "user"
        for block in blocks_of(message["content"])
        if block.get("type") == "tool_result"
    }
    for message in messages:
        for block in blocks_of(message["content"]) if message["role"] == "assistant" else ():
            result = results.get(block.get("id")) if block.get("type") == "tool_use" else None
            if result is not None:
                yield Call(
                    name=str(block.get("name", "")),
                    input=dict(block.get("input") or {}),
                    output=text_of(result.get("content") or ""),
                    is_error=bool(result.get("is_error")),
                )
