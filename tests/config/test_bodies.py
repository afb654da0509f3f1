"""How bodies arrive: ordinary ones in memory, uploads on disk, and strangers' uploads nowhere."""

import asyncio
import gc
import os
import re
import tracemalloc

import pytest

from config.bodies import CHUNK_BYTES, LEAVING, Upload, with_whole_body

MIB = 1024 * 1024
UPLOADS = [Upload(address=re.compile("/upload"), limit=100 * MIB)]


class Application:
    """Reads its body to the end, chunk by chunk, as the server's own does."""

    def __init__(self):
        self.size, self.largest, self.scope = None, 0, None

    async def __call__(self, scope, receive, send):
        self.scope, self.size, has_more = scope, 0, True
        while has_more:
            message = await receive()
            self.size += len(message["body"])
            self.largest = max(self.largest, len(message["body"]))
            has_more = message["more_body"]


def post(path, chunks, *, headers=(), is_known=True, leaves=False):
    """Send the chunks to an application behind the reader; returns the application and what was sent back."""
    application, sent = Application(), []

    async def admits(scope):
        return is_known

    async def run():
        waiting = iter(chunks)

        async def receive():
            chunk = next(waiting, None)
            if chunk is None and leaves:
                return {"type": "http.disconnect"}
            return {"type": "http.request", "body": chunk or b"", "more_body": chunk is not None}

        async def send(message):
            sent.append(message)

        scope = {"type": "http", "method": "POST", "path": path, "headers": list(headers)}
        await with_whole_body(application, limit=MIB, uploads=UPLOADS, admits=admits)(scope, receive, send)

    asyncio.run(run())
    return application, sent


def open_files():
    gc.collect()
    return {os.path.realpath(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd")}


def test_an_upload_of_many_megabytes_takes_a_few_chunks_of_memory():
    chunk = b"x" * 65_536
    tracemalloc.start()
    application, _ = post("/upload", (chunk for _ in range(64 * 16)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert application.size == 64 * MIB
    assert application.largest <= CHUNK_BYTES
    assert peak < 4 * MIB


def test_nothing_is_left_of_an_upload():
    before = open_files()
    post("/upload", [b"x" * MIB])
    post("/upload", [b"x" * MIB], leaves=True)
    assert open_files() <= before


def test_an_upload_without_a_length_gets_one():
    application, _ = post("/upload", [b"abc"], headers=[(b"transfer-encoding", b"chunked"), (b"x", b"y")])
    assert application.scope["headers"] == [(b"x", b"y"), (b"content-length", b"3")]


def test_a_client_that_leaves_reaches_nothing():
    application, sent = post("/upload", [b"x"], leaves=True)
    assert (application.size, sent) == (None, [])


@pytest.mark.parametrize("headers", [[], [(b"content-length", str(200 * MIB).encode())]])
def test_an_upload_beyond_the_limit_gets_413(headers):
    application, sent = post("/upload", (b"x" * MIB for _ in range(200)), headers=headers)
    assert application.size is None
    assert sent[0]["status"] == 413
    assert b'"request_too_large"' in sent[1]["body"]


def test_other_addresses_keep_the_smaller_limit():
    _, sent = post("/other", [b"x" * MIB, b"x"])
    assert sent[0]["status"] == 413


def test_a_strangers_upload_is_answered_unread():
    application, _ = post("/upload", [b"x" * MIB], headers=[(b"content-length", b"1048576")], is_known=False)
    assert application.size == 0
    assert application.scope["headers"] == []


@pytest.mark.parametrize("path", ["/upload", "/other"])
def test_who_leaves_after_its_whole_body_is_seen_to_leave(path):
    messages = iter([{"type": "http.request", "body": b"x", "more_body": False}, {"type": "http.disconnect"}])
    seen = []

    async def receive():
        return next(messages)

    async def application(scope, receive, send):
        seen.extend([await receive(), await scope[LEAVING]()])

    async def admits(scope):
        return True

    scope = {"type": "http", "method": "POST", "path": path, "headers": []}
    asyncio.run(with_whole_body(application, limit=MIB, uploads=UPLOADS, admits=admits)(scope, receive, None))
    assert [message["type"] for message in seen] == ["http.request", "http.disconnect"]
