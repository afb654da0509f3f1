"""PURE: the shapes of the Messages API that this server sends: messages, errors, stream events, token counts."""

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from .conversation import Block

CHARACTERS_PER_TOKEN = 4
WORD = re.compile(r"\s*\S+|\s+")
PIECES_MAX = 400  # of a block: a text of more words goes in larger pieces
STATUS_OF_ERROR = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "overloaded_error": 529,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What goes back: a body with its status, perhaps late, or one of the faults that a network can show."""

    body: dict[str, Any] = field(default_factory=dict)
    status: int = 200
    delay_ms: int = 0
    fault: str = ""


def canonical(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def digest(request: dict[str, Any]) -> str:
    """What a request asks, whether the reply is to be streamed or not."""
    asked = {key: value for key, value in request.items() if key != "stream"}
    return hashlib.sha256(canonical(asked).encode("utf-8", "surrogatepass")).hexdigest()


def tokens_in(value: Any) -> int:
    text = value if isinstance(value, str) else canonical(value)
    return max(1, len(text) // CHARACTERS_PER_TOKEN)


def input_tokens(request: dict[str, Any]) -> int:
    return tokens_in([request.get(part) for part in ("system", "messages", "tools") if request.get(part)])


def message(request: dict[str, Any], blocks: list[Block], stop_reason: str | None = None) -> dict[str, Any]:
    asked = digest(request)
    content = [with_id(block, asked, index) for index, block in enumerate(blocks)]
    uses_tools = any(block["type"] == "tool_use" for block in content)
    return {
        "id": f"msg_practice{asked[:20]}",
        "type": "message",
        "role": "assistant",
        "model": request["model"],
        "content": content,
        "stop_reason": stop_reason or ("tool_use" if uses_tools else "end_turn"),
        "stop_sequence": None,
        "usage": {
            "input_tokens": input_tokens(request),
            "output_tokens": tokens_in(content) if content else 1,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
        },
    }


def with_id(block: Block, asked: str, index: int) -> Block:
    if block["type"] != "tool_use":
        return block
    return {
        "type": "tool_use",
        "id": f"toolu_{asked[20:40]}{index:02d}",
        "name": block["name"],
        "input": block["input"],
    }


def error(kind: str, text: str, *, status: int | None = None, request_id: str | None = None) -> Reply:
    body = {"type": "error", "error": {"type": kind, "message": text}, "request_id": request_id}
    return Reply(status=status or STATUS_OF_ERROR.get(kind, 500), body=body)


def stream_events(whole: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The same message as a stream: one start, each block in pieces, one end."""
    opening = {**whole, "content": [], "stop_reason": None, "usage": {**whole["usage"], "output_tokens": 1}}
    yield "message_start", {"type": "message_start", "message": opening}
    yield "ping", {"type": "ping"}
    for index, block in enumerate(whole["content"]):
        empty, deltas = _in_pieces(block)
        yield "content_block_start", {"type": "content_block_start", "index": index, "content_block": empty}
        for delta in deltas:
            yield "content_block_delta", {"type": "content_block_delta", "index": index, "delta": delta}
        yield "content_block_stop", {"type": "content_block_stop", "index": index}
    ending = {"stop_reason": whole["stop_reason"], "stop_sequence": None}
    usage = {"output_tokens": whole["usage"]["output_tokens"]}
    yield "message_delta", {"type": "message_delta", "delta": ending, "usage": usage}
    yield "message_stop", {"type": "message_stop"}


def _in_pieces(block: Block) -> tuple[Block, list[Block]]:
    if block["type"] == "text":
        return {**block, "text": ""}, [{"type": "text_delta", "text": piece} for piece in _pieces(block["text"])]
    if block["type"] == "thinking":
        thinking = [{"type": "thinking_delta", "thinking": piece} for piece in _pieces(block["thinking"])]
        signature = {"type": "signature_delta", "signature": block["signature"]}
        return {**block, "thinking": "", "signature": ""}, [*thinking, signature]
    arguments = json.dumps(block["input"], ensure_ascii=False)
    deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in _pieces(arguments)]
    return {**block, "input": {}}, deltas


def _pieces(text: str) -> list[str]:
    """Word by word, as far as that is not too often."""
    words = WORD.findall(text)
    if len(words) <= PIECES_MAX:
        return words
    size = -(-len(text) // PIECES_MAX)
    return [text[at : at + size] for at in range(0, len(text), size)]
