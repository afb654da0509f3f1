"""What both edges share when they stream: the frames of server-sent events, and a raw ASGI answer that carries them."""

import asyncio
import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import suppress
from io import BytesIO
from typing import Any

from django.core.handlers.asgi import ASGIRequest

from agents.envelope import error_body, error_headers
from agents.exceptions import DomainError
from agents.ids import new_id

type Scope = MutableMapping[str, Any]
type Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
type Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

PIECE_BYTES = 64 * 1024  # frames that are sent together
SEND_SECONDS = 20.0  # a client that takes no bytes for this long is gone
HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
]
LINE_END = re.compile(r"\r\n|\r|\n")  # what ends a line of a stream; splitlines() knows more, U+2028 for one
PING = b'event: ping\ndata: {"type":"ping"}\n\n'


def request_of(scope: Scope) -> ASGIRequest:
    """The bodiless request of a stream, for code that reads headers, cookies and the query."""
    return ASGIRequest(scope, BytesIO())


def frame(name: str, data: str, *, place: int | None = None) -> bytes:
    """One frame; a data line for each line of text, because a bare line end would end the field."""
    lines = [f"event: {name}", *(f"data: {line}" for line in LINE_END.split(data))]
    if place is not None:
        lines.insert(0, f"id: {place}")
    return ("\n".join(lines) + "\n\n").encode()


def json_frame(name: str, text: str) -> bytes:
    """The same for JSON, which has no line end inside."""
    return f"event: {name}\ndata: {text}\n\n".encode()


async def send_stream(frames: AsyncIterator[bytes], receive: Receive, send: Send, *, request_id: str) -> None:
    """Answer with the frames until they end or the client goes away. For one that takes none no more are made; its
    connection ends when the server's socket gives it up."""
    await send({"type": "http.response.start", "status": 200, "headers": [*HEADERS, _request_id(request_id)]})
    # An empty chunk sends the headers now: the client knows that it is connected before the first event.
    await send({"type": "http.response.body", "body": b":\n\n", "more_body": True})
    writing = asyncio.create_task(_write(frames, send))
    leaving = asyncio.create_task(until_gone(receive))
    try:
        await asyncio.wait({writing, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if writing.done() and not writing.result():
            await leaving
    finally:
        await _end(writing)
        await _end(leaving)


async def send_error(error: DomainError, send: Send, *, request_id: str) -> None:
    """Refuse the stream with the same envelope that every other call uses."""
    told = [(name.lower().encode(), value.encode()) for name, value in error_headers(error).items()]
    headers = [(b"content-type", b"application/json"), _request_id(request_id), *told]
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(error_body(error, request_id)).encode()})


def new_request_id() -> str:
    return new_id("request")


def _request_id(request_id: str) -> tuple[bytes, bytes]:
    return b"request-id", request_id.encode()


async def _write(frames: AsyncIterator[bytes], send: Send) -> bool:
    """Whether the client took them all."""
    pieces = _gathered(frames)
    try:
        async for data in pieces:
            async with asyncio.timeout(SEND_SECONDS):
                await send({"type": "http.response.body", "body": data, "more_body": True})
    except TimeoutError:
        return False
    finally:
        await pieces.aclose()
        if isinstance(frames, AsyncGenerator):
            await frames.aclose()
    await send({"type": "http.response.body", "body": b"", "more_body": False})
    return True


async def _gathered(frames: AsyncIterator[bytes]) -> AsyncGenerator[bytes]:
    """What is there at once in one piece: a commit brings several events, and sending costs more than all the rest."""
    loop, held = asyncio.get_running_loop(), b""

    async def following() -> bytes | None:
        return await anext(frames, None)

    while True:
        # Eager: it is done here and now unless it has to wait.
        coming = asyncio.Task(following(), loop=loop, eager_start=True)
        try:
            if held and (_is_late(coming) or len(held) >= PIECE_BYTES):
                yield held
                held = b""
            if (data := await coming) is None:
                break
            held += data
        finally:
            coming.cancel()
            await asyncio.wait({coming})
    if held:
        yield held


def _is_late(coming: asyncio.Task[bytes | None]) -> bool:
    """Or failed: what was there before still belongs to the client."""
    return not coming.done() or coming.cancelled() or coming.exception() is not None


async def until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _end(task: asyncio.Task[Any]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError, OSError):
        await task
