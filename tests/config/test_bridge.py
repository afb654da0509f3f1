"""Threads of the web server: two for what is quick, the rest for what would wait behind slow requests."""

import asyncio
import threading

from config import bridge
from config.bridge import HELD_BYTES, QUICK_THREADS, SyncPool


def ask(pool, path, *, may_read=None):
    """The body that a client gets, who takes nothing before it may read."""
    sent = []

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(piece):
        if may_read:
            await may_read.wait()
        sent.append(piece)

    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "query_string": b"",
        "headers": [],
        "server": ("127.0.0.1", 80),
        "client": ("127.0.0.1", 1),
    }

    async def call():
        await pool(scope, receive, send)
        return b"".join(piece.get("body", b"") for piece in sent).decode()

    return call()


def test_slow_requests_hold_up_no_quick_one(monkeypatch):
    may_end = threading.Event()
    begun = threading.Semaphore(0)

    def application(environ, start_response):
        if environ["PATH_INFO"] == "/slow":
            begun.release()
            assert may_end.wait(60)
        start_response("200 OK", [])
        return [f"{environ['PATH_INFO']} by {threading.current_thread().name}".encode()]

    async def crowd(pool):
        with monkeypatch.context() as patient:
            patient.setattr(bridge, "PATIENCE_SECONDS", 60.0)
            slow = [asyncio.create_task(ask(pool, "/slow")) for _ in range(QUICK_THREADS)]
            for _ in slow:
                assert await asyncio.to_thread(begun.acquire, timeout=60)
        quick = await asyncio.gather(*(ask(pool, "/quick") for _ in range(3)))
        may_end.set()
        return quick, await asyncio.gather(*slow)

    quick, slow = asyncio.run(crowd(SyncPool(application, workers=4)))
    assert all(answer.startswith("/quick by web-reserve") for answer in quick)
    assert all(answer.startswith("/slow by web_") for answer in slow)


def test_each_request_is_answered_once_when_all_threads_are_taken():
    answered = []

    def application(environ, start_response):
        threading.Event().wait(0.03)  # longer than a request's patience
        answered.append(environ["PATH_INFO"])
        start_response("200 OK", [])
        return [environ["PATH_INFO"].encode()]

    async def crowd(pool):
        return await asyncio.gather(*(ask(pool, f"/{number}") for number in range(30)))

    paths = [f"/{number}" for number in range(30)]
    assert asyncio.run(crowd(SyncPool(application, workers=5))) == paths
    assert sorted(answered) == sorted(paths)


def test_clients_that_do_not_read_a_long_answer_hold_no_thread():
    piece, pieces = b"x" * 1000, 3 * HELD_BYTES // 1000

    def application(environ, start_response):
        start_response("200 OK", [])
        return (piece for _ in range(pieces)) if environ["PATH_INFO"] == "/long" else [b"here"]

    async def crowd(pool):
        may_read = asyncio.Event()
        silent = [asyncio.create_task(ask(pool, "/long", may_read=may_read)) for _ in range(5)]
        for _ in range(20):
            assert await ask(pool, "/") == "here"
        may_read.set()
        return await asyncio.gather(*silent)

    for answer in asyncio.run(crowd(SyncPool(application, workers=3))):
        assert len(answer) == pieces * len(piece)
