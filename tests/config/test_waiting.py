"""A worker's poll is asked again until there is work or its time is over; everything else passes as it is."""

import asyncio
import itertools
from types import SimpleNamespace

import pytest

from config import waiting
from config.waiting import with_waiting

POLL = "/v1/environments/env_1/work/poll"


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    """Between two looks at it a tenth of a second is over, however long that takes."""
    monkeypatch.setattr(waiting, "time", SimpleNamespace(monotonic=itertools.count(0.0, 0.1).__next__))
    monkeypatch.setattr(waiting, "AGAIN_SECONDS", 0.0)


def ask(answers, *, path=POLL, query="block_ms=900", method="GET"):
    """What a client gets when the application says these one after the other, and how often it was asked."""
    asked = []
    sent = []

    async def application(scope, receive, send):
        status, body = answers[min(len(asked), len(answers) - 1)]
        asked.append(await receive())
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": body})

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(piece):
        sent.append(piece)

    scope = {"type": "http", "method": method, "path": path, "query_string": query.encode()}

    async def call():
        await with_waiting(application)(scope, receive, send)

    asyncio.run(call())
    return sent[0]["status"], sent[1]["body"], len(asked)


def test_a_poll_waits_for_work():
    assert ask([(200, b"null"), (200, b"null"), (200, b'{"id":"work_1"}')]) == (200, b'{"id":"work_1"}', 3)


def test_a_poll_that_waited_in_vain_says_so():
    assert ask([(200, b"null")], query="block_ms=400") == (200, b"null", 4)


@pytest.mark.parametrize("query", ["", "block_ms=0", "block_ms=1000", "block_ms=x", "block_ms=%00", "block_ms=-1"])
def test_without_a_good_block_ms_nothing_waits(query):
    assert ask([(200, b"null"), (200, b"{}")], query=query) == (200, b"null", 1)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 500])
def test_a_refusal_is_told_at_once(status):
    assert ask([(status, b"null"), (200, b"{}")]) == (status, b"null", 1)


@pytest.mark.parametrize(("method", "path"), [("POST", POLL), ("GET", "/v1/environments/env_1/work/stats")])
def test_other_calls_pass_as_they_are(method, path):
    assert ask([(200, b"null"), (200, b"{}")], method=method, path=path) == (200, b"null", 1)


def test_a_poll_that_stands_in_line_sees_its_client_leave():
    seen = []

    async def application(scope, receive, send):
        seen.extend([(await receive())["type"], (await receive())["type"]])

    async def receive():
        return {"type": "http.disconnect"}

    scope = {"type": "http", "method": "GET", "path": POLL, "query_string": b"block_ms=900"}
    asyncio.run(with_waiting(application)(scope, receive, None))
    assert seen == ["http.request", "http.disconnect"]
