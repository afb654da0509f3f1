"""Sync Django behind the asynchronous server: one hop to a thread and one back for an ordinary answer.

Why not a2wsgi's own responder: it waits for the event loop at every piece of an answer, three times for the smallest
one, which took 1.7 ms of a list's 4.8 ms, and once more for a body that is there already; what it knows of WSGI's
environment is used here. Nor does a thread ever wait for a client to read: twelve that read nothing of a long export
would leave nobody else a thread.
"""

import asyncio
import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from io import BytesIO
from typing import IO, Any

from a2wsgi.wsgi import Body, build_environ
from django.conf import settings

from agents.sse import Receive, Scope, Send, until_gone
from config.bodies import LEAVING
from config.callers import Callers
from config.downloads import send_pieces
from config.shares import LONG_SECONDS, SharedThreads

HELD_BYTES = 256 * 1024  # of an answer that comes in pieces; what is longer waits on disk for its client
QUICK_THREADS = 2
PATIENCE_SECONDS = 0.02  # a request that waited so long for a quick thread is behind slow ones


class SyncPool:
    """An ASGI application that runs a WSGI one in a bounded pool of threads.

    Two of them answer what is quick, and the rest only what has waited behind slow requests. Whatever lets go of the
    interpreter for a moment, such as each row that SQLite reads, wakes a thread that waits for it: twelve threads
    answered a fifth fewer lists a second than two, and used half as much processor time again.

    Nobody gets all of the rest, see `SharedThreads`. Who stands in line there holds no thread, and no place in the line
    once the client has left.
    """

    def __init__(self, application: Any, workers: int) -> None:
        self.application = application
        self.quick = ThreadPoolExecutor(thread_name_prefix="web", max_workers=QUICK_THREADS)
        self.reserve = SharedThreads(workers - QUICK_THREADS, "web-reserve")
        self.callers = Callers()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        loop = asyncio.get_running_loop()
        first = await receive()
        # A body that is there already needs no way back to the loop; one on disk is read piece by piece.
        is_whole = not first.get("more_body")
        body: Any = BytesIO(first.get("body", b"")) if is_whole else Body(loop, _from(first, receive))  # type: ignore[arg-type]
        environ = build_environ(scope, body)  # type: ignore[arg-type]
        answer = _Answer()
        try:
            if await self._quickly(answer, environ) or await self._in_turn(answer, environ):
                self.callers.learn(environ)
                await answer.send(send)
        finally:
            answer.close()

    async def _quickly(self, answer: "_Answer", environ: Any) -> bool:
        """Whether a quick thread made the answer. Who asks for what is slow goes to the end of its line at once."""
        if self.reserve.lines and self.reserve.has_stood_long(self.callers.caller_of(environ)):
            return False
        job = self.quick.submit(answer.make, self.application, environ)
        answered = asyncio.wrap_future(job)
        try:
            await asyncio.wait({answered}, timeout=PATIENCE_SECONDS)
        finally:
            has_begun = not job.cancel()  # what has begun goes on where it is
        if has_begun:
            await answered
        return has_begun

    async def _in_turn(self, answer: "_Answer", environ: Any) -> bool:
        """Whether the client waited for its turn."""
        caller = self.callers.caller_of(environ)
        job = self.reserve.submit(caller, partial(answer.make, self.application, environ))
        answered = asyncio.wrap_future(job)
        try:
            await asyncio.wait({answered}, timeout=LONG_SECONDS)  # most have their answer by then
            if not answered.done():
                await _first_of(answered, environ["asgi.scope"].get(LEAVING))
        finally:
            if not answered.done():
                self.reserve.leave(caller, job)
        if job.cancelled():
            return False
        await answered
        return True


async def _first_of(answered: asyncio.Future[None], leaving: Receive | None) -> None:
    gone = asyncio.create_task(until_gone(leaving)) if leaving else None
    try:
        await asyncio.wait({answered, gone} if gone else {answered}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        if gone:
            gone.cancel()


def _from(first: Scope, receive: Receive) -> Receive:
    """Receives the first message again, then what comes after it."""
    waiting = [first]

    async def received() -> Scope:
        return waiting.pop() if waiting else await receive()

    return received


class _Answer:
    """Collects what the application answers, in the thread that runs it."""

    def __init__(self) -> None:
        self.start: dict[str, Any] = {}
        self.held: list[bytes] = []
        self.size = 0
        self.file: IO[bytes] | None = None

    def make(self, application: Any, environ: Any) -> None:
        chunks: Iterable[bytes] = application(environ, self.begin)
        try:
            for chunk in chunks:
                self.hold(chunk)
        finally:
            getattr(chunks, "close", lambda: None)()
        if self.file:
            self.put_by(self.file)
            self.file.seek(0)

    def begin(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], None]:
        encoded = [(name.strip().lower().encode("latin1"), value.strip().encode("latin1")) for name, value in headers]
        self.start = {"type": "http.response.start", "status": int(status.split(" ", 1)[0]), "headers": encoded}
        return self.hold

    def hold(self, chunk: bytes) -> None:
        if self.held and self.size + len(chunk) > HELD_BYTES:  # a single piece is in memory already, however long
            self.file = self.file or tempfile.TemporaryFile(dir=settings.FILE_UPLOAD_TEMP_DIR)  # noqa: SIM115
            self.put_by(self.file)
        self.held.append(chunk)
        self.size += len(chunk)

    def put_by(self, file: IO[bytes]) -> None:
        file.write(b"".join(self.held))
        self.held, self.size = [], 0

    async def send(self, send: Send) -> None:
        await send(self.start)
        if self.file is None:
            await send({"type": "http.response.body", "body": b"".join(self.held), "more_body": False})
            return
        with suppress(TimeoutError):
            await send_pieces(self.file, send)

    def close(self) -> None:
        if self.file:
            self.file.close()
