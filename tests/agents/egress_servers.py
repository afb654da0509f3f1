"""Servers on loopback that sandboxes reach through the proxy, and a sandbox host that lets them."""

import gzip
import json
import tempfile
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import psutil

from agents.sandbox.egress.authority import Leaves, make_authority
from agents.sandbox.egress.gates import system_certificates
from tests.agents.sandboxes import running_host
from tests.loopback import serving


class Echo(BaseHTTPRequestHandler):
    """Answers what it was asked; what it saw stays in `server.seen`."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.headers.get("upgrade"):
            self.send_response(101)
            self.send_header("connection", "upgrade")
            self.send_header("upgrade", "websocket")
            self.end_headers()
            self.wfile.write(self.rfile.read(5).upper())
            return
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        if self.headers.get("transfer-encoding") == "chunked":
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.seen.append((self.command, self.path, headers, body))
        {"/compressed": self.compressed, "/torn": self.torn, "/scold": self.scold}.get(self.path, self.echo)(
            headers, body
        )

    do_POST = do_GET

    def echo(self, headers, body):
        answer = json.dumps({"headers": headers, "body": body.decode()[:200]}).encode()
        self.send_response(200)
        self.send_header("x-echo", headers.get("authorization", "none"))
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def compressed(self, headers, body):
        answer = gzip.compress(headers["authorization"].encode())
        self.send_response(200)
        self.send_header("content-encoding", "gzip")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def scold(self, headers, body):
        """The authorization in the words beside the status."""
        self.send_response(401, f"No {headers['authorization']}")
        self.send_header("content-length", "0")
        self.end_headers()

    def torn(self, headers, body):
        """The authorization, a byte at a time."""
        self.send_response(200)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for byte in headers["authorization"].encode():
            self.wfile.write(b"1\r\n" + bytes([byte]) + b"\r\n")
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *args):
        pass


@contextmanager
def echoing(context=None):
    with serving(Echo, context=context) as server:
        server.seen = []
        yield server


class Outside:
    """`plain` and `safe` speak HTTP and HTTPS; `stranger` shows a certificate of nobody's."""


@contextmanager
def running_outside():
    authority = make_authority()
    outside = Outside()
    outside.certificate = authority.certificate
    with (
        echoing() as outside.plain,
        echoing(Leaves(authority).context("localhost")) as outside.safe,
        echoing(Leaves(make_authority()).context("localhost")) as outside.stranger,
    ):
        yield outside


@contextmanager
def running_networked_host(outside):
    opened = [f"--egress-private=127.0.0.1:{each.port}" for each in (outside.plain, outside.safe, outside.stranger)]
    with tempfile.TemporaryDirectory() as folder:
        trusted = Path(folder, "trusted.pem")
        trusted.write_text(system_certificates() + outside.certificate)
        with running_host("--egress", *opened, environment={"SSL_CERT_FILE": str(trusted)}) as host:
            yield host


def proxies(host):
    """The proxy processes of this host."""
    found = []
    for child in psutil.Process(host.process.pid).children():
        with suppress(psutil.NoSuchProcess):  # a box that is just ending
            if "agents.sandbox.egress" in child.cmdline():
                found.append(child)
    return found
