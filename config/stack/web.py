"""The web server process: uvicorn on a socket that the parent holds, so that a restart refuses no connection."""

import asyncio
import resource
import socket
import sys
from contextlib import suppress
from types import FrameType

import uvicorn
from django.core.management.base import CommandError

from config import garbage
from config.protocol import HttpProtocol

GRACE_SECONDS = 4  # open streams end at once; ordinary requests get this long
BACKLOG = 512
# Longer than clients and balancers keep a connection that rests, mostly 60 s: whoever asks again in the moment in which
# the server hangs up hears a reset, and may not repeat what it sent.
KEEP_ALIVE_SECONDS = 75
OPEN_FILES = 16_384  # every connection is one, and the usual limit is 1,024
SILENT_SECONDS = 60.0  # a client that takes no byte of an answer for so long is cut off, and what waits for it is freed


class Server(uvicorn.Server):
    """Ends event streams when it is asked to stop; otherwise each would hold it for the whole grace period."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        from agents.eventlog.hub import hub

        super().handle_exit(sig, frame)
        self._loop.call_soon_threadsafe(hub.close)


def local_url(listener: socket.socket) -> str:
    """Where programs of this machine reach the server."""
    host, port = listener.getsockname()[:2]
    address = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    return f"http://[{address}]:{port}" if ":" in address else f"http://{address}:{port}"


def listen(host: str, port: int) -> socket.socket:
    """The listening socket, or one line that says why there is none."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if sys.platform == "linux":
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(SILENT_SECONDS * 1000))
    try:
        listener.bind((host, port))
    except (OSError, OverflowError) as error:
        listener.close()
        reason = getattr(error, "strerror", None) or str(error)
        raise CommandError(f"Cannot listen on {host}:{port}: {reason}. Choose another with --host or --port.")
    listener.listen(BACKLOG)
    return listener


def allow_open_files() -> None:
    """As many as the machine allows, up to what is of use."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(OSError, ValueError):  # then it stays as it is
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def serve(listener: socket.socket) -> None:
    from config.asgi import application

    garbage.settle()
    allow_open_files()
    config = uvicorn.Config(
        application,
        lifespan="off",
        http=HttpProtocol,
        ws="none",
        access_log=False,
        log_level="warning",
        log_config=None,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    Server(config).run(sockets=[listener])
