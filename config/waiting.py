"""A worker's poll that waits: the web server asks again and again for it, so that no thread and no database connection
is held by a worker with nothing to do."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from urllib.parse import parse_qs

from agents.limits import WORK_BLOCK_MS_MAX
from agents.sse import Receive, Scope, Send

type Application = Callable[[Scope, Receive, Send], Awaitable[None]]

POLL = re.compile(r"/v1/environments/[^/]+/work/poll")
AGAIN_SECONDS = 0.3  # a worker sleeps 1 to 3 s after an empty answer: four looks a second would find no more
NOTHING = b"null"


def with_waiting(application: Application) -> Application:
    """Answer `null` to a poll only when its `block_ms` are over."""

    async def waiting(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "GET" or not POLL.fullmatch(scope["path"]):
            await application(scope, receive, send)
            return
        deadline = time.monotonic() + _patience(scope)
        while True:
            answer = _Answer()
            await application(scope, _bodiless(receive), answer.take)
            rest = deadline - time.monotonic()
            if not answer.is_nothing or rest <= 0:
                break
            await asyncio.sleep(min(AGAIN_SECONDS, rest))
        for piece in answer.pieces:
            await send(piece)

    return waiting


def _patience(scope: Scope) -> float:
    """What the query asks for, in seconds; what is wrong with it the application says."""
    value = parse_qs(scope["query_string"].decode("latin1")).get("block_ms", [""])[0]
    is_good = value.isascii() and value.isdecimal() and len(value) < 4 and 1 <= int(value) <= WORK_BLOCK_MS_MAX
    return int(value) / 1000 if is_good else 0.0


class _Answer:
    """What the application says, kept until it is known whether to ask again."""

    def __init__(self) -> None:
        self.pieces: list[Scope] = []

    async def take(self, piece: Scope) -> None:
        self.pieces.append(piece)

    @property
    def is_nothing(self) -> bool:
        is_good = any(piece.get("status") == 200 for piece in self.pieces)
        return is_good and b"".join(piece.get("body", b"") for piece in self.pieces) == NOTHING


def _bodiless(receive: Receive) -> Receive:
    """An empty body for each time that the application is asked, then what the client does."""
    empty: list[Scope] = [{"type": "http.request", "body": b"", "more_body": False}]

    async def received() -> Scope:
        return empty.pop() if empty else await receive()

    return received
