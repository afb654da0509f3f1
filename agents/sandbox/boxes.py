"""One running box, seen from the host: its process, its line, and its end."""

import asyncio
import json
import os
import signal
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from agents.sandbox import limits, wire
from agents.sandbox.base import Mount
from agents.sandbox.egress.gates import Gate

OPEN_SECONDS = 15.0
END_SECONDS = 2.0
BLOCKS_MAX = 16


class OpenFailed(Exception):
    """What bubblewrap said."""


class BoxLost(Exception):
    """The box ended, or answered what no box of ours would."""


class BoxStuck(Exception):
    """The box did not answer in time."""


@dataclass(frozen=True)
class Provisions:
    """Packages by manager: the names of what is wanted, and of what of it is there."""

    wanted: Mapping[str, str] = field(default_factory=dict)
    here: Mapping[str, str] = field(default_factory=dict)


NOTHING = Provisions()


class Box:
    """`begin` before the first `call`; one call at a time; `close` ends every process inside."""

    def __init__(
        self, session_id: str, process: asyncio.subprocess.Process, status_fd: int, mounts: tuple[Mount, ...]
    ) -> None:
        self.session_id = session_id
        self.mounts = mounts
        self.last_used = time.monotonic()
        self.calls = 0  # going on or waiting
        self.provisions = NOTHING
        self.gate: Gate | None = None  # to the network, if it has any
        self._process = process
        self._status_fd = status_fd
        self._first_pid: int | None = None
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        self._input, self._output, self._errors = process.stdin, process.stdout, process.stderr

    @property
    def is_alive(self) -> bool:
        return self._process.returncode is None

    async def begin(self, configuration: dict[str, object]) -> None:
        try:
            answer = await self._exchange(configuration, OPEN_SECONDS)
            self._first_pid = first_pid(os.read(self._status_fd, 4096))
        except (BoxLost, BoxStuck, asyncio.CancelledError) as error:
            await self.close()
            if isinstance(error, asyncio.CancelledError):
                raise
            raise OpenFailed((await self._errors.read(4096)).decode(errors="replace") or str(error)) from error
        if answer != {"ready": True} or self._first_pid is None:
            await self.close()
            raise OpenFailed("it did not report itself ready")

    async def call(self, name: str, arguments: dict[str, Any], seconds: float, patience: float) -> dict[str, Any]:
        """The answer to one tool call: `{"content": [...], "is_error": ...}`, its shape checked."""
        request = {"name": name, "arguments": arguments, "seconds": seconds}
        answer = await self._exchange(request, patience + limits.GRACE_SECONDS)
        self.last_used = time.monotonic()
        if not is_answer(answer):
            raise BoxLost("it gave an unusable answer")
        return answer

    async def _exchange(self, message: dict[str, Any], seconds: float) -> dict[str, Any]:
        try:
            async with asyncio.timeout(seconds):
                self._input.write(wire.pack(message))
                await self._input.drain()
                return await wire.receive(self._output, limits.ANSWER_MAX_BYTES)
        except TimeoutError as error:
            raise BoxStuck("it did not answer in time") from error
        except (OSError, EOFError, wire.BadMessage) as error:
            raise BoxLost(str(error)) from error

    async def close(self) -> None:
        """Kill the box's first process, and with it, by the kernel, every other; wait until they are gone."""
        if self.gate is not None:
            self.gate.close()
            self.gate = None
        for pid in (self._first_pid, self._process.pid if self._first_pid is None else None):
            if pid is not None and self.is_alive:
                self._kill(pid)
        try:
            async with asyncio.timeout(END_SECONDS):
                await self._process.wait()
        except TimeoutError:
            self._kill(self._process.pid)
            await self._process.wait()
        self._input.close()
        if self._status_fd >= 0:
            os.close(self._status_fd)
            self._status_fd = -1

    def _kill(self, pid: int) -> None:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def first_pid(status: bytes) -> int | None:
    """The first process inside a box, from bubblewrap's status line."""
    try:
        return int(json.loads(status.splitlines()[0])["child-pid"])
    except (IndexError, KeyError, TypeError, ValueError):
        return None


def is_answer(answer: dict[str, Any]) -> bool:
    content = answer.get("content")
    return (
        isinstance(answer.get("is_error"), bool)
        and isinstance(content, list)
        and 0 < len(content) <= BLOCKS_MAX
        and all(is_block(block) for block in content)
    )


def is_block(block: object) -> bool:
    if not isinstance(block, dict):
        return False
    if block.get("type") == "text":
        return set(block) == {"type", "text"} and isinstance(block["text"], str)
    source = block.get("source")
    return (
        block.get("type") in ("image", "document")
        and set(block) == {"type", "source"}
        and isinstance(source, dict)
        and set(source) == {"type", "media_type", "data"}
        and all(isinstance(value, str) for value in source.values())
    )
