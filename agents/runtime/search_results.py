"""PURE: search results of tools as a model's endpoint takes them; in the log they stay as they came."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

type Block = dict[str, Any]
type Message = dict[str, Any]

KIND = "search_result"


def search_results(blocks: Iterable[Block]) -> Iterator[Block]:
    """Those in results of tools; there are no others."""
    for block in blocks:
        if block["type"] == "tool_result":
            yield from (inner for inner in block["content"] if inner["type"] == KIND)


def sendable(messages: list[Message], *, takes_blocks: bool) -> list[Message]:
    """As text where an endpoint does not know such blocks: some refuse the request, and every one that repeats it,
    others leave them out without a word. Endpoints that know them refuse those that say nothing, which are text, too;
    and a request in which some may be cited and others not: then none may, as no event holds a citation."""
    if not takes_blocks:
        return _with(messages, as_text)
    found = [block for message in messages for block in search_results(message["content"])]
    if any(map(_is_blank, found)):
        return sendable(_with(messages, _told), takes_blocks=True)
    return _with(messages, _uncited) if len({_is_cited(block) for block in found}) > 1 else messages


def as_text(block: Block) -> Block:
    """A text block that says the same, its source first."""
    lines = [f"{block['title']} ({block['source']})", *(part["text"] for part in block["content"])]
    return {"type": "text", "text": "\n".join(lines)}


def _told(block: Block) -> Block:
    return as_text(block) if _is_blank(block) else block


def _is_blank(block: Block) -> bool:
    texts = [part["text"] for part in block["content"]]
    return not texts or not all(text.strip() for text in (block["title"], block["source"], *texts))


def _is_cited(block: Block) -> bool:
    return bool((block.get("citations") or {}).get("enabled"))


def _uncited(block: Block) -> Block:
    return {**block, "citations": {"enabled": False}}


def _with(messages: list[Message], by: Callable[[Block], Block]) -> list[Message]:
    """What was given stays as it is."""
    return [{**message, "content": [_replaced(block, by) for block in message["content"]]} for message in messages]


def _replaced(block: Block, by: Callable[[Block], Block]) -> Block:
    if block["type"] != "tool_result":
        return block
    return {**block, "content": [by(inner) if inner["type"] == KIND else inner for inner in block["content"]]}
