"""Bytes between two connections, both ways, a buffer of one chunk each; ended when nothing moves for too long."""

import asyncio
import socket
from contextlib import suppress
from typing import Any

from agents.sandbox import limits

CHUNK_BYTES = 64 * 1024


async def pump(one: socket.socket, other: socket.socket) -> None:
    """Until both have said all they had to say, or one is lost."""
    moving = Moving()
    ways = [asyncio.create_task(moving.copy(one, other)), asyncio.create_task(moving.copy(other, one))]
    both: asyncio.Future[Any] = asyncio.gather(*ways)
    watch: asyncio.Future[Any] = asyncio.create_task(moving.stall())
    try:
        await asyncio.wait([both, watch], return_when=asyncio.FIRST_COMPLETED)
    finally:
        await ended(*ways, both, watch)


async def ended(*tasks: asyncio.Future[Any]) -> None:
    """None of them touches a connection any more, which may then be closed."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


class Moving:
    """When something last moved, and whether one side is done: then the other gets less patience."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._last = self._loop.time()
        self._patience = limits.EGRESS_IDLE_SECONDS

    async def copy(self, source: socket.socket, target: socket.socket) -> None:
        while data := await self._loop.sock_recv(source, CHUNK_BYTES):
            await self._loop.sock_sendall(target, data)
            self._last = self._loop.time()
        self._last = self._loop.time()
        self._patience = limits.EGRESS_HALF_OPEN_SECONDS
        with suppress(OSError):
            target.shutdown(socket.SHUT_WR)

    async def stall(self) -> None:
        """Returns when nothing moved for as long as one may be patient."""
        while (left := self._last + self._patience - self._loop.time()) > 0:
            await asyncio.sleep(min(left, limits.EGRESS_HALF_OPEN_SECONDS))


async def readable(connection: socket.socket) -> None:
    """Until there is something to read, or an end to notice."""
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()

    def note() -> None:
        if not ready.done():
            ready.set_result(None)

    loop.add_reader(connection, note)
    try:
        await ready
    finally:
        loop.remove_reader(connection)
