"""Sends the file that a thread handed over, from the event loop: a slow reader holds no thread."""

import asyncio
from collections.abc import MutableMapping
from contextlib import suppress
from http import HTTPStatus
from typing import IO, Any

from agents.downloads import CHUNK_BYTES, FILES
from agents.sse import Receive, Scope, Send
from config.bodies import Application

CHUNK_SECONDS = 60.0  # a client that takes no bytes for this long is gone


def with_files(application: Application) -> Application:
    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        handed: list[IO[bytes]] = []
        status = 0

        async def forward(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            status = message.get("status", status)
            if not (handed and status == HTTPStatus.OK and message["type"] == "http.response.body"):
                await send(message)

        try:
            await application({**scope, FILES: handed}, receive, forward)
            if handed and status == HTTPStatus.OK:
                with suppress(TimeoutError):
                    await send_pieces(handed[0], send)
        finally:
            for file in handed:
                await asyncio.to_thread(file.close)

    return wrapped


async def send_pieces(file: IO[bytes], send: Send) -> None:
    """TimeoutError where the client takes none."""
    more = True
    while more:
        chunk = await asyncio.to_thread(file.read, CHUNK_BYTES)
        more = bool(chunk)
        async with asyncio.timeout(CHUNK_SECONDS):
            await send({"type": "http.response.body", "body": chunk, "more_body": more})
