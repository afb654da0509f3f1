"""Files that clients name in what they say: checked when it is sent, read when a model is asked."""

from collections.abc import Sequence
from typing import Any

from agents import blobs
from agents.actors import Actor
from agents.exceptions import InvalidRequest, TooLarge, Unavailable
from agents.file_sources import Block, filled, fits, left_out, named_files, replaced
from agents.limits import FILE_BLOCKS_MAX, FILE_BLOCKS_MAX_BYTES
from agents.models import File
from agents.services.files import access_usable


def check_named_files(events: Sequence[dict[str, Any]], *, actor: Actor) -> None:
    """Every file that the events name is there, can be shown as what it is named as, and all of them fit together."""
    blocks = [block for event in events for block in named_files(event.get("content") or [])]
    if len(blocks) > FILE_BLOCKS_MAX:
        raise InvalidRequest(f"At most {FILE_BLOCKS_MAX} images and documents may come from files at once.")
    size = 0
    for block in blocks:
        file = access_usable(actor, block["source"]["file_id"])
        if not fits(block["type"], file.mime_type):
            raise InvalidRequest(f"source: the file {file.pk} is {file.mime_type}, which is no {block['type']}.")
        size += file.size_bytes
    if size > FILE_BLOCKS_MAX_BYTES:
        raise TooLarge(f"The files of one request may have at most {FILE_BLOCKS_MAX_BYTES:,} bytes together.")


def with_files(messages: list[dict[str, Any]], workspace_id: str) -> list[dict[str, Any]]:
    """The messages of a model request with the content of each named file; the oldest are left out where all would be
    too much, and so is what was deleted or has expired."""
    blocks = [block for message in messages for block in named_files(message["content"])]
    if not blocks:
        return messages
    wanted = {block["source"]["file_id"] for block in blocks}
    files = File.objects.filter(workspace=workspace_id, pk__in=wanted).in_bulk()
    room, shown = FILE_BLOCKS_MAX_BYTES, set()
    for block in reversed(blocks):
        file = files.get(block["source"]["file_id"])
        if file and file.size_bytes <= room:
            room -= file.size_bytes
            shown.add(id(block))

    def content(block: Block) -> Block:
        file = files.get(block["source"]["file_id"])
        if file is None or file.is_expired:
            return left_out("it was deleted or has expired")
        return _read(block, file) if id(block) in shown else left_out("all attached files together are too large")

    return [{**message, "content": replaced(message["content"], content)} for message in messages]


def _read(block: Block, file: File) -> Block:
    try:
        with blobs.open_blob(file.storage_key) as stored:
            return filled(block, filename=file.filename, mime_type=file.mime_type, data=stored.read())
    except Unavailable as error:
        return left_out(error.message)
