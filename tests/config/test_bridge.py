"""Threads of the web server: two for what is quick, the rest for what would wait behind slow requests, in shares."""

import asyncio
import threading
import time
from contextlib import asynccontextmanager

from agents.callers import CALLER
from config import bridge
from config.bodies import LEAVING
from config.bridge import HELD_BYTES, QUICK_THREADS, SyncPool
from config.shares import MOST

PATIENCE_SECONDS = 60


def ask(pool, path, *, may_read=None, address="127.0.0.1", cookie="", leaves=None):
    """The body that a client gets, who takes nothing before it may read, and is gone when it leaves."""
    sent = []

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(piece):
        if may_read:
            await may_read.wait()
        sent.append(piece)

    async def leaving():
        await (leaves or asyncio.Event()).wait()
        return {"type": "http.disconnect"}

    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "query_string": b"",
        "headers": [(b"cookie", cookie.encode())],
        "server": ("127.0.0.1", 80),
        "client": (address, 1),
        LEAVING: leaving,
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


class Slow:
    """An application whose answers to /slow wait until they may end; it says whose sign-in a cookie is."""

    def __init__(self):
        self.begun, self.may_end, self.pool = [], threading.Event(), SyncPool(self, workers=12)

    def __call__(self, environ, start_response):
        name = environ.get("HTTP_COOKIE", "").removeprefix("sessionid=")
        if name in ("alice", "mallory"):
            environ[CALLER] = name
        if environ["PATH_INFO"].startswith("/slow"):
            self.begun.append(environ["PATH_INFO"])
            assert self.may_end.wait(PATIENCE_SECONDS)
        start_response("200 OK", [])
        return [environ["PATH_INFO"].encode()]

    @asynccontextmanager
    async def crowd(self, size=40, **client):
        """So many slow requests, of which all that cannot begin stand in line; then they end, and leave nothing."""
        asked = [asyncio.create_task(ask(self.pool, f"/slow/{number}", **client)) for number in range(size)]
        await until(lambda: len(self.begun) + self.in_line == size)
        try:
            yield asked
        finally:
            self.may_end.set()
        await asyncio.wait(asked, timeout=PATIENCE_SECONDS)
        await until(lambda: not self.pool.reserve.held)
        assert (self.pool.reserve.free, self.pool.reserve.lines) == (10, {})

    @property
    def in_line(self):
        return sum(map(len, self.pool.reserve.lines.values()))


async def until(is_so):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.005)


def test_many_slow_requests_of_one_caller_leave_threads_to_others():
    async def attack():
        slow = Slow()
        async with slow.crowd(address="192.0.2.7") as asked:
            assert MOST <= len(slow.begun) <= QUICK_THREADS + MOST
            assert await ask(slow.pool, "/quick", address="192.0.2.8") == "/quick"
        assert [task.result() for task in asked] == [f"/slow/{number}" for number in range(40)]
        assert sorted(slow.begun) == sorted(task.result() for task in asked)

    asyncio.run(attack())


def test_who_asks_for_what_is_slow_keeps_no_quick_thread_from_others():
    async def attack():
        slow = Slow()
        async with slow.crowd(address="192.0.2.7"):
            await until(lambda: slow.pool.reserve.has_stood_long("192.0.2.7"))
            given, in_line = slow.pool.quick._work_queue.qsize(), slow.in_line
            more = asyncio.create_task(ask(slow.pool, "/quick", address="192.0.2.7"))
            await until(lambda: slow.in_line == in_line + 1)
            assert slow.pool.quick._work_queue.qsize() == given
            assert not more.done()
        assert await more == "/quick"

    asyncio.run(attack())


def test_a_stranger_with_a_new_cookie_for_each_request_is_one_caller():
    async def attack():
        slow = Slow()
        async with slow.crowd(size=10), asyncio.TaskGroup() as group:
            begun = len(slow.begun)
            others = [group.create_task(ask(slow.pool, "/slow/er", cookie=f"sessionid={n}")) for n in range(10)]
            await until(lambda: slow.in_line == 20 - begun)
            assert len(slow.begun) == begun
            slow.may_end.set()
        assert [task.result() for task in others] == ["/slow/er"] * 10

    asyncio.run(attack())


def test_who_is_known_from_an_earlier_answer_waits_behind_no_stranger_of_the_same_address():
    async def attack():
        slow = Slow()
        assert await ask(slow.pool, "/quick", cookie="sessionid=alice") == "/quick"
        async with slow.crowd():
            assert await ask(slow.pool, "/quick", cookie="sessionid=alice") == "/quick"

    asyncio.run(attack())


def test_a_client_that_leaves_the_line_is_answered_no_more():
    async def attack():
        slow = Slow()
        async with slow.crowd():
            in_line, leaves = slow.in_line, asyncio.Event()
            left = asyncio.create_task(ask(slow.pool, "/slow/left", leaves=leaves))
            await until(lambda: slow.in_line == in_line + 1)
            leaves.set()
            assert await left == ""
            assert slow.in_line == in_line
        assert "/slow/left" not in slow.begun

    asyncio.run(attack())


def test_a_server_that_stops_lets_go_of_the_line_at_once_and_of_threads_when_they_end():
    async def attack():
        slow = Slow()
        async with slow.crowd() as asked:
            begun = len(slow.begun)
            for task in asked:
                task.cancel()
            await asyncio.wait(asked, timeout=PATIENCE_SECONDS)
            assert all(task.cancelled() for task in asked)
            assert (slow.in_line, slow.pool.reserve.free) == (0, 10 - MOST)
        assert len(slow.begun) == begun

    asyncio.run(attack())


def test_an_application_that_fails_gives_its_thread_back():
    def application(environ, start_response):
        threading.Event().wait(0.03)  # longer than a request's patience
        raise ValueError("broken")

    async def fail(pool):
        answers = await asyncio.gather(*(ask(pool, "/") for _ in range(12)), return_exceptions=True)
        assert [str(answer) for answer in answers] == ["broken"] * 12
        await until(lambda: not pool.reserve.held)
        assert (pool.reserve.free, pool.reserve.lines) == (2, {})

    asyncio.run(fail(SyncPool(application, workers=4)))
