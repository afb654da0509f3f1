"""PURE: content blocks that name an uploaded file, and what a model is shown in place of the name; and what a source
says that no model could read."""

import base64
from binascii import a2b_base64
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

type Block = dict[str, Any]

IMAGE_TYPES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
PDF = "application/pdf"
TEXT_TYPES = frozenset({"application/json", "application/xml", "application/yaml", "application/javascript"})


def named_files(blocks: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """The blocks that name a file, those inside tool results included, in order."""
    for block in blocks:
        if is_file_block(block):
            yield block
        elif isinstance(block.get("content"), list):
            yield from named_files(block["content"])


def is_file_block(block: Mapping[str, Any]) -> bool:
    """Whether the block's content is to come from a stored file."""
    source = block.get("source")
    return isinstance(source, Mapping) and source.get("type") == "file"


def fits(block_type: str, mime_type: str) -> bool:
    """Whether a file of that type can stand in a block of that type."""
    if block_type == "image":
        return mime_type in IMAGE_TYPES
    return mime_type == PDF or is_text(mime_type)


def is_text(mime_type: str) -> bool:
    """Whether a file of that type is handed to models as text."""
    return mime_type.startswith("text/") or mime_type in TEXT_TYPES


def unreadable(block: Mapping[str, Any]) -> str | None:
    """The member of the block's source that no model takes, and why; None where there is none. One such block fails
    the turn, and every later one with it, because history is sent again."""
    source = block.get("source")
    if not isinstance(source, Mapping):
        return None
    if source["type"] == "url" and not source["url"].lower().startswith(("http://", "https://")):
        return "source.url: it must begin with https:// or http://."
    if source["type"] != "base64":
        return None
    types = IMAGE_TYPES if block["type"] == "image" else {PDF}
    if source["media_type"] not in types:
        return f"source.media_type: as base64, models read {' and '.join(sorted(types))} here."
    return None if _is_base64(source["data"]) else "source.data: it is not base64."


def _is_base64(text: str) -> bool:
    try:
        return bool(a2b_base64(text, strict_mode=True))
    except ValueError:
        return False


def replaced(blocks: Iterable[Block], by: Callable[[Block], Block]) -> list[Block]:
    """The same blocks with each that names a file replaced; what was given stays as it is."""
    return [_replaced(block, by) for block in blocks]


def _replaced(block: Block, by: Callable[[Block], Block]) -> Block:
    if is_file_block(block):
        return by(block)
    if isinstance(block.get("content"), list):
        return {**block, "content": replaced(block["content"], by)}
    return block


def filled(block: Block, *, filename: str, mime_type: str, data: bytes) -> Block:
    """The block with the file's content as the Messages API takes it."""
    if is_text(mime_type):
        source = {"type": "text", "media_type": "text/plain", "data": data.decode("utf-8", "replace")}
    else:
        source = {"type": "base64", "media_type": mime_type, "data": base64.b64encode(data).decode()}
    named = {} if block["type"] != "document" or block.get("title") else {"title": filename}
    return {**block, **named, "source": source}


def left_out(reason: str) -> Block:
    """What stands in the place of a block whose file cannot be shown."""
    return {"type": "text", "text": f"[A file that was attached here is left out: {reason.removesuffix('.')}.]"}
