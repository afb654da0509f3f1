"""A Messages endpoint on loopback whose answers a test writes: for models that are malicious, sloppy or broken."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.conf import settings
from django.db import connections

from agents import plugs
from agents.practice import dreamer

type Body = dict[str, Any]
type Reply = tuple[int, Any]


class Endpoint:
    """Counts and keeps the requests it was sent; `answer` makes `(status, body)` of each."""

    def __init__(self, answer: Callable[[Body], Reply]) -> None:
        self.answer = answer
        self.requests: list[Body] = []
        self.url = ""


def forced(request: Body, given: Any, **members: Any) -> Reply:
    """A well-formed reply that makes the forced call with this input."""
    name = request["tool_choice"]["name"]
    return spoken(request, [{"type": "tool_use", "id": "toolu_1", "name": name, "input": given}], **members)


def spoken(request: Body, content: list[Body], stop_reason: str = "tool_use") -> Reply:
    usage = {"input_tokens": 10, "output_tokens": 5}
    body = {"id": "msg_1", "type": "message", "role": "assistant", "model": request["model"], "content": content}
    return 200, {**body, "stop_reason": stop_reason, "stop_sequence": None, "usage": usage}


def refused(status: int, message: str = "no") -> Reply:
    return status, {"type": "error", "error": {"type": "api_error", "message": message}}


def honest(request: Body) -> Reply:
    return forced(request, dreamer.reply(request))


def prompt(request: Body) -> str:
    content = request["messages"][0]["content"]
    return content if isinstance(content, str) else "\n".join(block["text"] for block in content)


@contextmanager
def serving(answer: Callable[[Body], Reply]) -> Iterator[Endpoint]:
    """The endpoint, and this process's model client pointed at it."""
    endpoint = Endpoint(answer)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 65_536  # head and body in one packet: two would wait for an acknowledgement of 40 ms

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            endpoint.requests.append(body)
            try:
                status, reply = endpoint.answer(body)
            finally:
                connections.close_all()  # an answer may look into the database; this thread ends and would keep it
            data = reply if isinstance(reply, bytes) else json.dumps(reply).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    endpoint.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(settings, "ANTHROPIC_BASE_URL", endpoint.url)
            plugs.model_client.cache_clear()
            yield endpoint
    finally:
        plugs.model_client.cache_clear()
        server.shutdown()
        server.server_close()
