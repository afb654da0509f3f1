"""A model endpoint that never comes to an end costs one request, not a worker; one that is away costs no secret."""

import socket
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from django.conf import settings

from agents import limits
from agents.runtime.messages_api import MessagesClient
from agents.runtime.model import ModelError

REQUEST = {"model": "m", "max_tokens": 10, "messages": [{"role": "user", "content": "hi"}]}


class Endless(BaseHTTPRequestHandler):
    """Sends a piece of nothing, again and again."""

    piece, pause = b" ", 0.1

    def log_message(self, *args):
        pass

    def do_POST(self):
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.end_headers()
        with suppress(OSError):
            while not self.server.stopping.wait(self.pause):
                self.wfile.write(self.piece)


class Flood(Endless):
    piece, pause = b" " * 1024 * 1024, 0


@pytest.fixture
def endpoint(request, monkeypatch):
    server = ThreadingHTTPServer(("127.0.0.1", 0), request.param)
    server.stopping = threading.Event()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(settings, "ANTHROPIC_BASE_URL", f"http://127.0.0.1:{server.server_port}")
    yield
    server.stopping.set()
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("endpoint", [Endless], indirect=True)
def test_an_answer_that_trickles_is_given_up(endpoint):
    with pytest.raises(ModelError, match="did not answer in time"):
        MessagesClient().answer(REQUEST, timeout=1.0)


@pytest.mark.parametrize("endpoint", [Flood], indirect=True)
def test_an_answer_without_end_is_cut_off(endpoint):
    with pytest.raises(ModelError, match=f"more than {limits.MODEL_REPLY_MAX_BYTES:,} bytes"):
        MessagesClient().answer(REQUEST, timeout=60.0)


def test_the_password_in_an_endpoints_address_is_told_to_nobody(monkeypatch):
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))  # and nobody listens
        address = f"127.0.0.1:{deaf.getsockname()[1]}"
        monkeypatch.setattr(settings, "ANTHROPIC_BASE_URL", f"http://me:hidden@{address}")
        with pytest.raises(ModelError, match=f"The model endpoint http://{address} cannot be reached") as failed:
            MessagesClient().answer(REQUEST, timeout=10.0)
    assert "hidden" not in str(failed.value)
