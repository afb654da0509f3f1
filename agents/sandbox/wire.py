"""How client, host and box speak: a length, then JSON."""

import asyncio
import json
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

HEADER = struct.Struct(">I")


class BadMessage(Exception):
    """Too long, not JSON, or no object."""


def pack(message: dict[str, Any]) -> bytes:
    data = json.dumps(message).encode()  # escapes lone surrogates, which a model may send
    return HEADER.pack(len(data)) + data


def unpack(data: bytes) -> dict[str, Any]:
    try:
        message = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise BadMessage(f"not JSON: {error}") from error
    if not isinstance(message, dict):
        raise BadMessage("not an object")
    return message


async def receive(reader: asyncio.StreamReader, limit: int) -> dict[str, Any]:
    """One message; asyncio.IncompleteReadError at the end of the stream."""
    (length,) = HEADER.unpack(await reader.readexactly(HEADER.size))
    if length > limit:
        raise BadMessage(f"{length} bytes exceed the limit of {limit}")
    return unpack(await reader.readexactly(length))


@contextmanager
def short_path(path: str) -> Iterator[str]:
    """A name for a unix socket's `path` that fits into the 107 bytes the kernel allows, however deep the folder."""
    if len(os.fsencode(path)) < 100:
        yield path
        return
    folder = os.open(os.path.dirname(path), os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{os.path.basename(path)}"
    finally:
        os.close(folder)


def connect(path: str) -> socket.socket:
    line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with short_path(path) as name:
            line.connect(name)
    except BaseException:
        line.close()
        raise
    return line
