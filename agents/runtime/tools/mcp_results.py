"""PURE: what an MCP server answered to a call -> the event's content blocks; what is too much is said, not kept."""

import base64
import binascii
import json
from collections.abc import Iterable, Mapping
from typing import Any

from agents.limits import MCP_IMAGE_MAX_BYTES, MCP_RESULT_BLOCKS_MAX, MCP_RESULT_MAX_CHARS
from agents.storable import storable

type Block = dict[str, Any]

IMAGES = ("image/png", "image/jpeg", "image/gif", "image/webp")
PDF = "application/pdf"


def blocks_of(result: Mapping[str, Any]) -> list[Block]:
    """`result` is the JSON of a `tools/call` result, checked by the protocol's own types; never empty."""
    given = result.get("content") or []
    blocks = [_block(item) for item in given[:MCP_RESULT_BLOCKS_MAX]]
    if not blocks and result.get("structuredContent") is not None:
        blocks = [_text(json.dumps(result["structuredContent"], ensure_ascii=False))]
    if len(given) > MCP_RESULT_BLOCKS_MAX:
        blocks.append(_text(f"[{len(given) - MCP_RESULT_BLOCKS_MAX} more blocks were left out.]"))
    return storable(_cut(blocks)) or [_text("(no content)")]


def _block(item: Mapping[str, Any]) -> Block:
    match item.get("type"):
        case "text":
            return _text(str(item.get("text", "")))
        case "image":
            return _binary(item.get("mimeType"), item.get("data"), "An image")
        case "audio":
            return _text(f"[A sound of the type {item.get('mimeType')} was left out: models here do not listen.]")
        case "resource_link":
            return _text(_link(item))
        case "resource":
            return _resource(item.get("resource") or {})
    return _text(f"[Content of the type {item.get('type')} was left out.]")


def _link(item: Mapping[str, Any]) -> str:
    words = (item.get("title") or item.get("name"), item.get("uri"), item.get("description"))
    return "Resource: " + ", ".join(str(word) for word in words if word)


def _resource(resource: Mapping[str, Any]) -> Block:
    if isinstance(resource.get("text"), str):
        return _text(f"{resource.get('uri', '')}\n{resource['text']}".strip())
    return _binary(resource.get("mimeType"), resource.get("blob"), f"The resource {resource.get('uri')}")


def _binary(mime_type: Any, data: Any, what: str) -> Block:
    kind = str(mime_type or "").partition(";")[0].strip().lower()
    block = "image" if kind in IMAGES else "document" if kind == PDF else ""
    if not block:
        return _text(f"[{what} of the type {kind or 'unknown'} was left out.]")
    try:
        size = len(base64.b64decode(str(data), validate=True))
    except (binascii.Error, ValueError):
        return _text(f"[{what} was left out: it is not base64.]")
    if not 0 < size <= MCP_IMAGE_MAX_BYTES:
        return _text(f"[{what} of {size:,} bytes was left out: at most {MCP_IMAGE_MAX_BYTES:,} are taken.]")
    return {"type": block, "source": {"type": "base64", "media_type": kind, "data": str(data)}}


def _cut(blocks: Iterable[Block]) -> list[Block]:
    """Blank text is left out, because endpoints refuse it; beyond the bound is said how much was cut."""
    kept: list[Block] = []
    left, missing = MCP_RESULT_MAX_CHARS, 0
    for block in blocks:
        if block["type"] != "text":
            kept.append(block)
            continue
        text = block["text"]
        missing += max(0, len(text) - left)
        if text[:left].strip():
            kept.append(_text(text[:left]))
        left = max(0, left - len(text))
    return [*kept, _text(f"[{missing:,} more characters were cut off.]")] if missing else kept


def _text(text: str) -> Block:
    return {"type": "text", "text": text}
