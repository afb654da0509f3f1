"""Sync Django behind the asynchronous server: one hop to a thread and one back for an ordinary answer.

Why not a2wsgi's own responder: it waits for the event loop at every piece of an answer, three times for the smallest
one, which took 1.7 ms of a list's 4.8 ms, and once more for a body that is there already; what it knows of WSGI's
environment is used here.
"""

import asyncio
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import Any

from a2wsgi.wsgi import Body, build_environ

from agents.sse import Receive, Scope, Send

HELD_BYTES = 256 * 1024  # an answer below this is sent in one piece; a download goes on piece by piece


QUICK_THREADS = 2
PATIENCE_SECONDS = 0.02  # a request that waited so long for a quick thread is behind slow ones


class SyncPool:
    """An ASGI application that runs a WSGI one in a bounded pool of threads.

    Two of them answer what is quick, and the rest only what has waited behind slow requests. Whatever lets go of the
    interpreter for a moment, such as each row that SQLite reads, wakes a thread that waits for it: twelve threads
    answered a fifth fewer lists a second than two, and used half as much processor time again.
    """

    def __init__(self, application: Any, workers: int) -> None:
        self.application = application
        self.quick = ThreadPoolExecutor(thread_name_prefix="web", max_workers=QUICK_THREADS)
        self.reserve = ThreadPoolExecutor(thread_name_prefix="web-reserve", max_workers=workers - QUICK_THREADS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        loop = asyncio.get_running_loop()
        first = await receive()
        # A body that is there already needs no way back to the loop; one on disk is read piece by piece.
        is_whole = not first.get("more_body")
        body: Any = BytesIO(first.get("body", b"")) if is_whole else Body(loop, _from(first, receive))  # type: ignore[arg-type]
        environ = build_environ(scope, body)  # type: ignore[arg-type]

        async def pass_on(piece: dict[str, Any]) -> None:
            await send(piece)

        answer = _Answer(lambda piece: asyncio.run_coroutine_threadsafe(pass_on(piece), loop).result())
        for piece in await self._run(answer.make, self.application, environ):
            await send(piece)

    async def _run[Result](self, work: Callable[..., Result], *args: Any) -> Result:
        job = self.quick.submit(work, *args)
        answered = asyncio.wrap_future(job)
        done, _ = await asyncio.wait({answered}, timeout=PATIENCE_SECONDS)
        if not done and job.cancel():  # what has begun goes on where it is
            answered = asyncio.wrap_future(self.reserve.submit(work, *args))
        return await answered


def _from(first: Scope, receive: Receive) -> Receive:
    """Receives the first message again, then what comes after it."""
    waiting = [first]

    async def received() -> Scope:
        return waiting.pop() if waiting else await receive()

    return received


class _Answer:
    """Collects what the application answers, in the thread that runs it."""

    def __init__(self, send_now: Callable[[Any], None]) -> None:
        self.send_now = send_now
        self.start: dict[str, Any] | None = None
        self.is_under_way = False
        self.held: list[bytes] = []
        self.size = 0

    def make(self, application: Any, environ: Any) -> list[dict[str, Any]]:
        """Run the application; what is left to send when it is done."""
        chunks: Iterable[bytes] = application(environ, self.begin)
        try:
            for chunk in chunks:
                self.hold(chunk)
        finally:
            getattr(chunks, "close", lambda: None)()
        return self.pieces(is_last=True)

    def begin(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], None]:
        if exc_info and self.is_under_way:
            raise exc_info[1].with_traceback(exc_info[2])
        encoded = [(name.strip().lower().encode("latin1"), value.strip().encode("latin1")) for name, value in headers]
        self.start = {"type": "http.response.start", "status": int(status.split(" ", 1)[0]), "headers": encoded}
        return self.hold

    def hold(self, chunk: bytes) -> None:
        self.held.append(chunk)
        self.size += len(chunk)
        if self.size >= HELD_BYTES:
            for piece in self.pieces():
                self.send_now(piece)

    def pieces(self, *, is_last: bool = False) -> list[dict[str, Any]]:
        body = {"type": "http.response.body", "body": b"".join(self.held), "more_body": not is_last}
        start, self.start = self.start, None
        self.held, self.size, self.is_under_way = [], 0, True
        return [start, body] if start else [body]
