"""Reads a request's whole body before a thread is taken, so that a slow or endless upload holds no thread."""

from collections.abc import Awaitable, Callable
from typing import Any

from agents.exceptions import TooLarge
from agents.sse import Receive, Scope, Send, new_request_id, send_error

type Application = Callable[[Any, Any, Any], Awaitable[None]]


def with_whole_body(application: Application, *, limit: int) -> Application:
    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await application(scope, receive, send)
        try:
            body = await _read(scope, receive, limit)
        except TooLarge as error:
            return await send_error(error, send, request_id=new_request_id())
        if body is None:
            return None

        async def whole() -> dict[str, object]:
            return {"type": "http.request", "body": body, "more_body": False}

        return await application(scope, whole, send)

    return wrapped


async def _read(scope: Scope, receive: Receive, limit: int) -> bytes | None:
    """The body, or None when the client left before its end."""
    if _announced(scope) > limit:
        raise TooLarge(f"The request body is larger than {limit:,} bytes.")
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > limit:
            raise TooLarge(f"The request body is larger than {limit:,} bytes.")
        if not message.get("more_body", False):
            return b"".join(chunks)


def _announced(scope: Scope) -> int:
    text = dict(scope["headers"]).get(b"content-length", b"0")
    return int(text) if text.isdigit() else 0
