"""The loop of a box: one request in, one answer out, until the host closes the line."""

import json
import os
import re
import resource
import select
import signal
import struct
from collections.abc import Callable
from typing import Any

from . import files, processes, search
from .errors import ShellLost, TimedOut, ToolError
from .paths import Roots
from .shell import OUTPUT_LIMIT, Shell
from .timers import time_limit
from .watch import Watch

BASH_DEFAULT_TIMEOUT = 120.0
ERROR_MAX = 4096
BACKGROUND_SECONDS = 1.0
PROXY_BACKLOG = 128
PR_SET_DUMPABLE = 4
LONE_SURROGATE = re.compile("[\ud800-\udfff]")
FILE_TOOLS: dict[str, Callable[..., str | list[dict[str, Any]]]] = {
    "read": files.read,
    "write": files.write,
    "edit": files.edit,
    "glob": search.glob,
    "grep": search.grep,
}


class Box:
    """What one box keeps between calls."""

    def __init__(self, config: dict[str, Any], line: "Line") -> None:
        roots = config["roots"]
        limits = config["limits"]
        self.line = line
        self.roots = Roots(
            roots["workdir"], roots["allowed"], roots["read_only"], roots["sealed"], tuple(roots["open_below"])
        )
        self.watch = Watch(
            roots["measured"],
            memory=limits["memory"],
            folder_size=limits["folder_size"],
            folder_entries=limits["folder_entries"],
        )
        self.shell: Shell | None = None
        self.shell_was_lost: bool = config["shell_was_lost"]

    def run(self, name: str, arguments: dict[str, Any], seconds: float) -> str | list[dict[str, Any]]:
        if name == "bash":
            return self.bash(seconds=seconds, **arguments)
        tool = FILE_TOOLS[name]
        if name in ("write", "edit"):
            self.watch.check_folders(name)
        with time_limit(seconds, TimedOut):
            return tool(self.roots, **arguments)

    def bash(
        self,
        *,
        seconds: float,
        command: str | None = None,
        restart: bool | None = None,
        timeout_ms: int | None = None,
        output_bytes: int = OUTPUT_LIMIT,
    ) -> str:
        if restart:
            self.close_shell()
            self.shell_was_lost = False
            self.shell = self.open_shell()
            return "bash session restarted"
        if not command:
            raise ToolError("bash: command is required")
        if self.shell_was_lost:
            raise ToolError("bash: bash session terminated; restart required")
        timeout = timeout_ms / 1000.0 if timeout_ms else BASH_DEFAULT_TIMEOUT
        self.watch.check_folders("bash")
        self.shell = self.shell or self.open_shell()
        try:
            output, code = self.shell.execute(command, min(timeout, seconds), output_bytes)
        except ShellLost:
            raise ToolError("bash: bash session terminated; restart required")
        except TimedOut:
            self.lose_shell()
            if timeout > seconds:
                raise
            raise ToolError(f"bash: bash command timed out after {timeout}s")
        except ToolError:
            self.lose_shell()
            raise
        if code == -1:
            self.lose_shell()
        if code != 0:
            raise ToolError(output)
        return output

    def open_shell(self) -> Shell:
        return Shell(self.roots.workdir, self.look)

    def look(self) -> None:
        if self.line.is_closed():
            os._exit(0)  # and with process 1 goes every other process of the box
        self.watch.check("bash")

    def close_shell(self) -> None:
        if self.shell is not None:
            self.shell.close()
            self.shell = None

    def lose_shell(self) -> None:
        self.close_shell()
        self.shell_was_lost = True

    def guard_background(self) -> None:
        """Between calls: jobs left in the background may not outgrow the box."""
        pid = self.shell.pid if self.shell else None
        while processes.others(pid):
            if self.line.has_request(BACKGROUND_SECONDS):
                return
            try:
                self.watch.check("bash")
            except ToolError:
                self.lose_shell()


class Line:
    """Length-prefixed JSON, from and to the host."""

    def __init__(self) -> None:
        self.input = os.fdopen(os.dup(0), "rb")
        self.output = os.fdopen(os.dup(1), "wb")
        null = os.open(os.devnull, os.O_RDWR)
        for number in (0, 1, 2):
            os.dup2(null, number)

    def receive(self) -> dict[str, Any]:
        header = self.input.read(4)
        if len(header) < 4:
            os._exit(0)
        request: dict[str, Any] = json.loads(self.input.read(struct.unpack(">I", header)[0]))
        return request

    def send(self, answer: dict[str, Any]) -> None:
        data = json.dumps(answer, ensure_ascii=False).encode("utf-8", "replace")
        self.output.write(struct.pack(">I", len(data)) + data)
        self.output.flush()

    def has_request(self, seconds: float) -> bool:
        return bool(select.select([self.input], [], [], seconds)[0])

    def is_closed(self) -> bool:
        """The host sends nothing while a call runs: a readable line has ended."""
        return self.has_request(0)


def answer(box: Box, request: dict[str, Any]) -> dict[str, Any]:
    name = request["name"]
    try:
        return {"content": blocks(box.run(name, request["arguments"], request["seconds"])), "is_error": False}
    except ToolError as error:
        return failure(str(error))
    except TimedOut:
        return failure(f"tool {name!r} timed out")
    except Exception as error:
        return failure(repr(error)[:ERROR_MAX])


def failure(text: str) -> dict[str, Any]:
    return {"content": blocks(text), "is_error": True}


def blocks(result: str | list[dict[str, Any]]) -> list[dict[str, Any]]:
    if isinstance(result, list):
        return result
    return [{"type": "text", "text": LONE_SURROGATE.sub("\ufffd", result) or "(no output)"}]


def bound(limits: dict[str, int]) -> None:
    """Bound this process and every one it starts. NPROC counts per user namespace, so it must be set in here."""
    for kind, value in (
        (resource.RLIMIT_NPROC, limits["processes"]),
        (resource.RLIMIT_DATA, limits["process_memory"]),
        (resource.RLIMIT_FSIZE, limits["file_size"]),
        (resource.RLIMIT_NOFILE, limits["open_files"]),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(kind)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (value, value))
    processes.cpu_seconds = limits["cpu_seconds"]
    with open("/proc/self/oom_score_adj", "w") as file:
        file.write("1000")  # when the machine runs out of memory, boxes go first


def offer_proxy(fd: int, port: int) -> None:
    """Hand a listener of this box's own loopback to the host: whoever connects to it in here is served out there."""
    if fd < 0:
        return
    import _socket  # the module around it takes 4 ms to import

    listener, line = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM), _socket.socket(fileno=fd)
    listener.bind(("127.0.0.1", port))
    listener.listen(PROXY_BACKLOG)
    rights = (_socket.SOL_SOCKET, _socket.SCM_RIGHTS, struct.pack("i", listener.fileno()))
    line.sendmsg([b"."], [rights])
    listener.close()
    line.close()


def seal_self() -> None:
    """Keep the box's other processes out of this one's memory and file descriptors."""
    import ctypes

    ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)


def main() -> None:
    line = Line()
    config = line.receive()
    bound(config["limits"])
    seal_self()
    offer_proxy(**config["proxy"])
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # which means nothing to process 1, unlike Python's own handler
    box = Box(config, line)
    line.send({"ready": True})
    while True:
        box.guard_background()
        line.send(answer(box, line.receive()))
