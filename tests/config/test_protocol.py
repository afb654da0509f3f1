"""Requests as the web server reads them from the wire, where a client would rather speak another protocol."""

import asyncio
import json

import pytest
import uvicorn
from uvicorn.server import ServerState

from config.protocol import HttpProtocol

OFFER = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAAB\r\n"
BODY = b'{"name":"Ann"}'
POST = f"POST /v1/agents?a=%20b HTTP/1.1\r\nHost: x\r\nX-Told: caf\xe9\r\n{OFFER}".encode("latin-1")
MEASURED = POST + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\n" + BODY[:5] + b"\r\n9\r\n" + BODY[5:] + b"\r\n0\r\n\r\n"
EXPECTED = POST + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY
GET = b"GET /v1/agents HTTP/1.1\r\nHost: x\r\n\r\n"
LAST = GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")


async def mirror(scope, receive, send):
    """Answers with what it was asked."""
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    asked = [scope["method"], scope["path"], scope["query_string"].decode(), headers.get("x-told"), body.decode()]
    answer = json.dumps(asked).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(answer))]})
    await send({"type": "http.response.body", "body": answer})


def said_to(*pieces):
    """All that the server says to these pieces, sent one after the other, until it hangs up."""
    config = uvicorn.Config(mirror, ws="none", log_config=None)

    async def talk():
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: HttpProtocol(config, ServerState(), {}), "127.0.0.1", 0)
        async with server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            try:
                for piece in pieces:
                    writer.write(piece)
                    await asyncio.sleep(0)  # so that most pieces come alone; the answer is the same if they do not
                async with asyncio.timeout(60):
                    return await reader.read()
            finally:
                writer.close()

    return asyncio.run(talk())


def answers(said):
    return [json.loads(answer.partition(b"\r\n\r\n")[2]) for answer in said.split(b"HTTP/1.1 200 OK\r\n")[1:]]


POSTED = ["POST", "/v1/agents", "a=%20b", "caf\xe9", BODY.decode()]
ASKED = ["GET", "/v1/agents", "", None, ""]


@pytest.mark.parametrize("request_", [MEASURED, CHUNKED, EXPECTED])
@pytest.mark.parametrize("size", [None, 7, 1])
def test_a_request_that_offers_another_protocol_keeps_its_body_and_its_connection(request_, size):
    sent = request_ + LAST
    pieces = [sent] if size is None else [sent[at : at + size] for at in range(0, len(sent), size)]
    said = said_to(*pieces)
    assert answers(said) == [POSTED, ASKED]
    assert b"101 " not in said


def test_offers_in_a_row_are_answered_in_their_order():
    offered = GET.replace(b"\r\n\r\n", b"\r\n" + OFFER.encode() + b"\r\n")
    assert answers(said_to(offered + MEASURED + CHUNKED + GET + offered + LAST)) == [
        ASKED,
        POSTED,
        POSTED,
        ASKED,
        ASKED,
        ASKED,
    ]


def test_an_offer_on_a_connections_last_request_is_answered_too():
    offered = LAST.replace(b"Connection: close", b"Connection: Upgrade, close\r\nUpgrade: websocket")
    assert answers(said_to(offered)) == [ASKED]


@pytest.mark.parametrize(
    "wrong",
    [
        b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com\r\n\r\n",
        b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com\r\n" + OFFER.encode() + b"\r\n",
        POST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        MEASURED + b"nonsense\r\n\r\n",
    ],
)
def test_what_is_no_request_is_refused_as_ever(wrong):
    assert b"HTTP/1.1 400 Bad Request" in said_to(wrong)
