"""The proxy process: told by the sandbox host, over the line it inherits, which listeners to serve and how.

It ends when the line does, whatever is under way: without its host there is no box left to serve."""

import argparse
import asyncio
import json
import os
import resource
import signal
import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from agents.sandbox import limits
from agents.sandbox.base import network_of
from agents.sandbox.egress.policy import openings
from agents.sandbox.egress.proxy import Gateway, Ways
from agents.sandbox.parent import die_with_parent

MESSAGE_MAX = 4096
LOOKUPS_MAX = 8 * limits.EGRESS_LOOKUPS_MAX  # in all boxes together
FILES_MAX = 65_536  # two for each connection of each box


class Process:
    def __init__(self, line: socket.socket, ways: Ways) -> None:
        self.line = line
        self.ways = ways
        self.gateways: dict[int, Gateway] = {}

    def hear(self) -> None:
        while True:
            try:
                data, fds, _, _ = socket.recv_fds(self.line, MESSAGE_MAX, 2)
            except BlockingIOError:
                return
            except OSError:
                data, fds = b"", []
            if not data:
                os._exit(0)
            self.heed(json.loads(data), fds)

    def heed(self, message: dict[str, Any], fds: list[int]) -> None:
        number = message.get("gate", 0)
        match message["do"]:
            case "open":
                listener = socket.socket(fileno=fds[0])
                self.gateways[number] = Gateway(listener, network_of(read(fds[1])), self.ways)
            case "change":
                network = network_of(read(fds[0]))
                if gateway := self.gateways.get(number):
                    gateway.network = network
            case "close":
                if gateway := self.gateways.pop(number, None):
                    gateway.close()
            case "trust":
                self.ways.trust(read(fds[0]))


def read(fd: int) -> Any:
    with os.fdopen(fd, "rb") as file:
        file.seek(0)
        return json.load(file)


def complain(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    print(f"egress proxy: {type(context.get('exception')).__name__}", file=sys.stderr)


async def run(line: socket.socket, ways: Ways) -> None:
    loop = asyncio.get_running_loop()
    # What goes wrong here may carry a request with it: its kind is all that is said.
    loop.set_exception_handler(complain)
    # More than a few boxes can keep waiting on name servers that never answer; threads come when they are needed.
    loop.set_default_executor(ThreadPoolExecutor(LOOKUPS_MAX, thread_name_prefix="lookup"))
    line.setblocking(False)
    loop.add_reader(line, Process(line, ways).hear)
    await loop.create_future()


def main() -> None:
    parser = argparse.ArgumentParser(description="Connects the sandboxes of one host to the network.")
    parser.add_argument("--line", type=int, required=True)
    parser.add_argument("--private", action="append", default=[])
    options = parser.parse_args()
    die_with_parent(signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the host is told, and tells
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    wanted = FILES_MAX if hard == resource.RLIM_INFINITY else min(hard, FILES_MAX)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    asyncio.run(run(socket.socket(fileno=options.line), Ways(openings(options.private))))


if __name__ == "__main__":
    main()
