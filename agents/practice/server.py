"""The practice model on loopback: `python -m agents.practice.server` speaks `POST /v1/messages`, streaming and not."""

import argparse
import asyncio
import json
import os
import socket
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

import uvicorn

from . import model, wire

BODY_MAX_BYTES = 32 * 1024 * 1024  # the limit of the Messages API
GARBAGE = b"\x00\xff<<< this is no JSON >>>\n"
MESSAGES = "/v1/messages"
COUNT_TOKENS = "/v1/messages/count_tokens"
STDOUT = "-"
WORD_SECONDS = 0.02  # between two pieces of a streamed text: slow enough to be seen
WORDS_SECONDS = 1.0  # for a whole reply at most

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class PracticeApp:
    """The ASGI application. With `count_attempts` it counts repeats itself, else the client's count serves."""

    def __init__(self, *, count_attempts: bool = False) -> None:
        self.attempts: Counter[str] | None = Counter() if count_attempts else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        body = await read_body(receive)
        request, reply = self.reply(scope, body)
        await asyncio.sleep(reply.delay_ms / 1000)
        if reply.fault == "hang":
            await until_disconnected(receive)
        elif reply.fault == "disconnect":
            await break_off(send)
        elif reply.fault == "garbage":
            await respond(send, 200, GARBAGE, request)
        elif reply.status == 200 and isinstance(request, dict) and request.get("stream") and "content" in reply.body:
            await stream(send, reply, request)
        elif reply.fault == "half":
            await break_off(send)
        else:
            shown = reply.body if reply.status == 200 else {**reply.body, "request_id": model.request_id(request)}
            await respond(send, reply.status, json.dumps(shown).encode(), request)

    def reply(self, scope: Scope, body: bytes | None) -> tuple[Any, wire.Reply]:
        if scope["path"] not in (MESSAGES, COUNT_TOKENS):
            return None, wire.error("not_found_error", f"{scope['path']}: no such path")
        if scope["method"] != "POST":
            return None, wire.error("invalid_request_error", f"{scope['method']}: use POST", status=405)
        if body is None:
            return None, wire.error("request_too_large", f"the body may have at most {BODY_MAX_BYTES} bytes")
        try:
            request = json.loads(body)
        except (ValueError, RecursionError) as wrong:
            return None, wire.error("invalid_request_error", f"the request body is not valid JSON: {wrong}")
        if scope["path"] == COUNT_TOKENS:
            return request, model.count(request)
        return request, model.answer(request, attempt=self.attempt(scope, request))

    def attempt(self, scope: Scope, request: Any) -> int:
        if self.attempts is not None and isinstance(request, dict):
            asked = wire.digest(request)
            self.attempts[asked] += 1
            return self.attempts[asked] - 1
        count = dict(scope["headers"]).get(b"x-stainless-retry-count", b"0")
        return int(count) if count.isdigit() else 0


async def read_body(receive: Receive) -> bytes | None:
    """The whole body, or None where it is larger than the API takes."""
    body = bytearray()
    while True:
        part = await receive()
        body += part.get("body", b"")
        if len(body) > BODY_MAX_BYTES:
            return None
        if not part.get("more_body"):
            return bytes(body)


async def until_disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def break_off(send: Send) -> None:
    """Promises more than it sends: uvicorn closes the connection when the application returns like this."""
    headers = [(b"content-type", b"application/json"), (b"content-length", b"1000")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b'{"id":', "more_body": True})


async def respond(
    send: Send, status: int, body: bytes, request: Any, *, content_type: bytes = b"application/json"
) -> None:
    headers = [
        (b"content-type", content_type),
        (b"content-length", str(len(body)).encode()),
        (b"request-id", model.request_id(request).encode()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def stream(send: Send, reply: wire.Reply, request: Any) -> None:
    """Word by word, as a model writes; with the fault `half` the connection breaks in the middle."""
    events = list(wire.stream_events(reply.body))
    pieces = sum(is_text(data) for _, data in events)
    pause = min(WORD_SECONDS, WORDS_SECONDS / max(pieces, 1))
    headers = [
        (b"content-type", b"text/event-stream; charset=utf-8"),
        (b"request-id", model.request_id(request).encode()),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    for name, data in events[: len(events) // 2] if reply.fault == "half" else events:
        if is_text(data):
            await asyncio.sleep(pause)
        frame = f"event: {name}\ndata: {json.dumps(data)}\n\n"
        await send({"type": "http.response.body", "body": frame.encode(), "more_body": True})
    if reply.fault != "half":
        await send({"type": "http.response.body", "body": b""})


def is_text(data: dict[str, Any]) -> bool:
    return bool(data["type"] == "content_block_delta" and data["delta"]["type"] == "text_delta")


class AnnouncingServer(uvicorn.Server):
    """Tells where it listens, once it does."""

    def __init__(self, config: uvicorn.Config, announce: str) -> None:
        super().__init__(config)
        self.announce = announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        host, port = (sockets or [])[0].getsockname()[:2]
        tell(self.announce, f"http://{host}:{port}")


def tell(where: str, url: str) -> None:
    if where == STDOUT:
        sys.stdout.write(f"{url}\n")
        sys.stdout.flush()
        return
    path = Path(where)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    part.write_text(f"{url}\n")
    part.replace(path)  # whoever waits for the file never reads half a line


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m agents.practice.server", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--announce", default=STDOUT, help="file that receives the address, or - for standard output")
    parser.add_argument("--count-attempts", action="store_true", help="for tests: faults with `times` pass by repeats")
    options = parser.parse_args(arguments)
    listener = socket.create_server(("127.0.0.1", options.port))
    config = uvicorn.Config(
        PracticeApp(count_attempts=options.count_attempts),
        lifespan="off",
        log_level="critical",
        access_log=False,
        timeout_graceful_shutdown=1,
        ws="none",
    )
    AnnouncingServer(config, options.announce).run(sockets=[listener])


if __name__ == "__main__":
    main()
