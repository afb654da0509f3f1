"""The persistent shell of a box: one `/bin/bash`, whose working directory, variables and jobs survive across calls."""

import os
import re
import select
import time
from collections.abc import Callable

from . import processes
from .errors import ShellLost, TimedOut

OUTPUT_LIMIT = 100 * 1024
CHUNK_BYTES = 64 * 1024
TICK_SECONDS = 0.25
ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")


class Shell:
    """`look` is called several times a second while a command runs, and may raise to stop it."""

    def __init__(self, workdir: str, look: Callable[[], None]) -> None:
        self.look = look
        self.pid, self.output, self.input = processes.start(
            ["/bin/bash", "--noprofile", "--norc"], cwd=workdir, stdin=True
        )
        os.set_blocking(self.input, False)
        os.set_blocking(self.output, False)

    def is_alive(self) -> bool:
        return not processes.has_exited(self.pid)

    def close(self) -> None:
        processes.end_all()
        os.close(self.input)
        os.close(self.output)

    def execute(self, command: str, timeout: float, output_bytes: int = OUTPUT_LIMIT) -> tuple[str, int]:
        """(output, exit code), with -1 for a shell that ended. Raises TimedOut, and ShellLost for a dead shell."""
        if not self.is_alive():
            raise ShellLost
        # A fresh marker each time, which the command cannot know; split, so that what is sent does not contain it.
        marker = f"__ANT_CMD_{os.urandom(16).hex()}_DONE__"
        wrapped = f"{{ {command}\n}} </dev/null 2>&1; printf '\\n{marker[:8]}''{marker[8:]}%d\\n' $?\n"
        tail = Tail(marker.encode(), output_bytes)
        self.follow(wrapped.encode(), tail, time.monotonic() + timeout)
        text = ANSI.sub("", tail.data.decode(errors="replace"))
        index = text.rfind(marker)
        if index < 0:
            return text.strip(), -1
        output = text[:index].rstrip("\n")
        code = text[index + len(marker) :].split("\n", 1)[0].strip()
        if tail.truncated:
            output = "[output truncated]\n" + output
        return output, int(code) if code.isdigit() else -1

    def follow(self, unsent: bytes, tail: "Tail", deadline: float) -> None:
        """Send the command and read until its marker line, or until the shell ends."""
        poller = select.poll()
        poller.register(self.output, select.POLLIN)
        poller.register(self.input, select.POLLOUT)
        next_look = time.monotonic() + TICK_SECONDS
        while not tail.is_complete:
            now = time.monotonic()
            if now >= deadline:
                raise TimedOut
            if now >= next_look:
                next_look = now + TICK_SECONDS
                self.look()
                if not self.is_alive():
                    self.receive_rest(tail)
                    break
            ready = {fd for fd, _ in poller.poll(min(deadline, next_look) * 1000 - now * 1000)}
            if self.input in ready:
                unsent = self.send(unsent)
                if not unsent:
                    poller.unregister(self.input)
            if self.output in ready and not self.receive(tail):
                break

    def send(self, unsent: bytes) -> bytes:
        try:
            return unsent[os.write(self.input, unsent[:CHUNK_BYTES]) :]
        except BlockingIOError:
            return unsent
        except BrokenPipeError:
            return b""  # it ended; its output says so, too

    def receive(self, tail: "Tail") -> bool:
        """False at the end of the output."""
        try:
            chunk = os.read(self.output, CHUNK_BYTES)
        except BlockingIOError:
            return True
        tail.add(chunk)
        return bool(chunk)

    def receive_rest(self, tail: "Tail") -> None:
        """Of a shell that ended while its background jobs still hold the output open."""
        processes.end_all()
        while self.receive(tail):
            pass


class Tail:
    """The last bytes of a stream, and whether its marker line came."""

    def __init__(self, marker: bytes, most: int) -> None:
        self.most = most
        self.data = bytearray()
        self.done = re.compile(re.escape(marker) + rb"\d+\n")  # `set -x` shows the marker, too, but no exit code
        self.done_length = len(marker) + 5
        self.truncated = False
        self.is_complete = False

    def add(self, chunk: bytes) -> None:
        self.data += chunk
        if len(self.data) > self.most:
            del self.data[: len(self.data) - self.most]
            self.truncated = True
        start = max(0, len(self.data) - len(chunk) - self.done_length)
        self.is_complete = self.done.search(self.data, start) is not None
