"""Takes a request's whole body in before a thread is taken, so that a slow or endless upload holds no thread.

Ordinary bodies are kept in memory. Where files are sent, the body goes to a temporary file that has no name: memory
does not grow, and nothing is left of it whatever happens.
"""

import asyncio
import re
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import IO, Any, Self

from django.conf import settings

from agents.exceptions import DomainError, TooLarge, Unavailable
from agents.sse import Receive, Scope, Send, new_request_id, send_error

type Application = Callable[[Any, Any, Any], Awaitable[None]]

CHUNK_BYTES = 256 * 1024
LEAVING = "lucid.leaving"  # in the scope of a request: receives what the client does after its whole body


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """Addresses that take files with a POST, and how large such a body may be."""

    address: re.Pattern[str]
    limit: int


def with_whole_body(
    application: Application,
    *,
    limit: int,
    uploads: Sequence[Upload] = (),
    admits: Callable[[Scope], Awaitable[bool]],
) -> Application:
    """`admits` is asked before an upload is read: a stranger, who must not fill the disk, is answered without that."""

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await application(scope, receive, send)
        upload = _upload(scope, uploads)
        if upload and not await admits(scope):
            return await application(_bodiless(scope), InMemory().replay, send)
        with OnDisk() if upload else InMemory() as body:
            try:
                if not await _take_in(body, scope, receive, upload.limit if upload else limit):
                    return None
            except DomainError as error:
                return await send_error(error, send, request_id=new_request_id())
            return await application({**_with_length(scope, body.size), LEAVING: receive}, body.replay, send)

    return wrapped


class InMemory:
    """A body that waits to be read by the application."""

    def __init__(self) -> None:
        self.size = 0
        self._chunks: list[bytes] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._chunks.clear()

    async def add(self, chunk: bytes) -> None:
        self.size += len(chunk)
        self._chunks.append(chunk)

    async def end(self) -> None:
        pass

    async def replay(self) -> dict[str, object]:
        return {"type": "http.request", "body": b"".join(self._chunks), "more_body": False}


class OnDisk:
    """The same in a file without a name; memory holds a chunk at a time, the event loop never waits for the disk."""

    def __init__(self) -> None:
        self.size = 0
        self._pending = bytearray()
        self._file = tempfile.TemporaryFile(buffering=0, dir=settings.FILE_UPLOAD_TEMP_DIR)  # noqa: SIM115

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    async def add(self, chunk: bytes) -> None:
        self.size += len(chunk)
        self._pending += chunk
        if len(self._pending) >= CHUNK_BYTES:
            await self._write()

    async def end(self) -> None:
        await self._write()
        self._file.seek(0)

    async def replay(self) -> dict[str, object]:
        chunk = await asyncio.to_thread(self._file.read, CHUNK_BYTES)
        return {"type": "http.request", "body": chunk, "more_body": self._file.tell() < self.size}

    async def _write(self) -> None:
        pending, self._pending = self._pending, bytearray()
        try:
            await asyncio.to_thread(_write_all, self._file, pending)
        except OSError as error:
            raise Unavailable(f"The upload cannot be kept: {error.strerror}.")


def _write_all(file: IO[bytes], data: bytearray) -> None:
    rest = memoryview(data)
    while rest:  # a disk that is nearly full takes a part
        rest = rest[file.write(rest) :]


def _upload(scope: Scope, uploads: Sequence[Upload]) -> Upload | None:
    if scope["method"] != "POST":
        return None
    return next((upload for upload in uploads if upload.address.fullmatch(scope["path"])), None)


async def _take_in(body: InMemory | OnDisk, scope: Scope, receive: Receive, limit: int) -> bool:
    """Whether the client stayed until the body's end."""
    if _announced(scope) > limit:
        raise TooLarge(f"The request body is larger than {limit:,} bytes.")
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return False
        await body.add(message.get("body", b""))
        if body.size > limit:
            raise TooLarge(f"The request body is larger than {limit:,} bytes.")
        if not message.get("more_body", False):
            await body.end()
            return True


def _announced(scope: Scope) -> int:
    text = dict(scope["headers"]).get(b"content-length", b"0")
    return int(text) if text.isdigit() else 0


def _with_length(scope: Scope, size: int) -> Scope:
    """A body that came in chunks announced no length, and Django reads none without one."""
    if not size or b"content-length" in dict(scope["headers"]):
        return scope
    bare = _bodiless(scope)
    return {**bare, "headers": [*bare["headers"], (b"content-length", str(size).encode())]}


def _bodiless(scope: Scope) -> Scope:
    described = (b"content-length", b"transfer-encoding")
    return {**scope, "headers": [header for header in scope["headers"] if header[0] not in described]}
