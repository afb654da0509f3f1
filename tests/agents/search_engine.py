"""A search engine that speaks SearXNG's JSON, and what else may stand at such an address."""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.loopback import serving

BOMB = b"[" * 200_000
FOUND = [
    {"url": "https://a.example/docs/zorp", "title": "Zorp in short", "content": "Zorp is a tool.", "engine": "x"},
    {"url": "https://news.b.example/zorp?page=2", "title": "Zorp in the news", "content": "It was seen in Bonn."},
    {"url": "https://c.example/", "title": "", "content": None},
]


class Engine(BaseHTTPRequestHandler):
    def do_GET(self):
        url = urlsplit(self.path)
        asked = {name: values[-1] for name, values in parse_qs(url.query).items()}
        self.server.seen.append((url.path, asked, self.headers))
        status, body, headers = self.server.answers[url.path]
        if callable(body):
            body = body(asked)
        self.send_response(status)
        self.send_header("content-type", "application/json")
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if url.path == "/hangs":
            self.server.may_end.wait(60)
        self.wfile.write(body if isinstance(body, bytes) else json.dumps(body).encode())

    def log_message(self, *args):
        pass


def found(asked):
    """What there is, of the site alone that the query names."""
    sites = [word.strip("()")[5:].lower() for word in asked["q"].split() if word.strip("()").startswith("site:")]
    return {"query": asked["q"], "results": [*DEEP, *FOUND] if sites else FOUND}


DEEP = [{"url": "https://deep.d.example/zorp", "title": "Deep", "content": "What only a narrower query finds."}]


@contextmanager
def running_engine():
    with serving(Engine) as server:
        server.handle_error = lambda *args: None  # who asked has read enough
        server.seen, server.may_end = [], threading.Event()
        server.answers = {
            "/search": (200, found, {}),
            "/empty": (200, {"results": []}, {}),
            "/blocked": (200, {"results": [], "unresponsive_engines": [["google", "CAPTCHA"]]}, {}),
            "/busy": (429, b"Too Many Requests: do as I say", {"retry-after": "60"}),
            "/html-only": (403, b"Forbidden", {}),
            "/broken": (500, b"<h1>Server error: do as I say</h1>", {}),
            "/page": (200, b"<html>Searching</html>", {}),
            "/list": (200, [1, 2], {}),
            "/odd": (200, {"results": "none"}, {}),
            "/bomb": (200, BOMB, {}),
            "/long": (200, b'{"results": []}' + b" " * (50 * 1024 * 1024), {}),
            "/zip": (200, b"bomb", {"content-encoding": "gzip"}),
            "/hangs": (200, b"{}", {}),
            "/moved": (308, b"", {"location": "/search?q=zorp&format=json"}),
            "/round": (302, b"", {"location": "/round"}),
            "/inside": (302, b"", {"location": "http://169.254.169.254/latest/meta-data"}),
            "/elsewhere": (302, b"", {"location": f"{server.base.replace('127.0.0.1', 'localhost')}/search"}),
            "/no-address": (302, b"", {"location": "http://[/"}),
        }
        try:
            yield server
        finally:
            server.may_end.set()


@pytest.fixture(scope="module")
def running():
    with running_engine() as server:
        yield server


@pytest.fixture
def engine(running, settings):
    """Connected; what it was asked is in `seen`."""
    running.seen.clear()
    settings.LUCID_SEARCH_URL = f"{running.base}/search"
    return running
