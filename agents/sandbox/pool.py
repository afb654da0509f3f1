"""Which sessions have an open box: opened when a tool needs one, closed when idle, at most so many at a time."""

import asyncio
import os
import time
from collections.abc import Sequence
from typing import Any
from weakref import WeakValueDictionary

from agents.sandbox import limits
from agents.sandbox.base import Mount, Network, SandboxUnavailable
from agents.sandbox.boxes import NOTHING, Box, BoxLost, BoxStuck, Provisions
from agents.sandbox.machine import Machine, Order
from agents.sandbox.packages import folder_of

BASH_DEFAULT_SECONDS = 120.0
FINISH_SECONDS = 1.0  # what a file tool gets to end in order when its caller went away
SHELL_LOST = "bash: bash session terminated; restart required"


class Pool:
    """Calls of one session run one after the other, those of different sessions side by side."""

    def __init__(self, machine: Machine, *, boxes_max: int, idle_seconds: float) -> None:
        self.machine = machine
        self.boxes_max = boxes_max
        self.idle_seconds = idle_seconds
        self.boxes: dict[str, Box] = {}
        self._opening = 0
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._room = asyncio.Condition()

    def lock(self, session_id: str) -> asyncio.Lock:
        return self._locks.setdefault(session_id, asyncio.Lock())

    async def run_tool(
        self,
        session_id: str,
        name: str,
        arguments: dict[str, Any],
        mounts: Sequence[Mount],
        seconds: float,
        network: Network | None = None,
        provisions: Provisions = NOTHING,
    ) -> dict[str, Any]:
        async with self.lock(session_id):
            box = await self.box_for(session_id, tuple(mounts), network, provisions)
            if name == "bash":
                self.note_shell(session_id)
            box.calls += 1
            try:
                return await self.call(box, name, arguments, seconds)
            finally:
                box.calls -= 1
                async with self._room:
                    self._room.notify_all()

    async def call(self, box: Box, name: str, arguments: dict[str, Any], seconds: float) -> dict[str, Any]:
        limit = patience(name, arguments, seconds)
        calling = asyncio.ensure_future(box.call(name, arguments, seconds, limit))
        try:
            return await asyncio.shield(calling)
        except BoxStuck:
            await self.close(box)
            return failure(timeout_text(name, arguments, seconds))
        except BoxLost as error:
            await self.close(box)
            return failure(SHELL_LOST if name == "bash" else f"{name}: the sandbox ended during the call: {error}")
        except asyncio.CancelledError:
            await asyncio.wait([calling], timeout=0 if name == "bash" else FINISH_SECONDS)
            if not calling.done() or calling.exception() is not None:
                calling.cancel()
                await self.close(box)
            raise

    async def box_for(
        self, session_id: str, mounts: tuple[Mount, ...], network: Network | None, provisions: Provisions
    ) -> Box:
        box = self.boxes.get(session_id)
        if box is not None and box.is_alive and box.mounts == mounts and not is_better(provisions, box.provisions):
            if box.gate is not None and network is not None:
                box.gate.renew(network)
            return box
        if box is not None:
            await self.close(box)
        await self.make_room()
        try:
            box = await self.machine.open(
                Order(
                    session_id,
                    mounts,
                    network,
                    installed={manager: folder_of(name) for manager, name in provisions.here.items()},
                    shell_was_lost=self.had_shell(session_id),
                )
            )
        finally:
            self._opening -= 1
        box.provisions = provisions
        self.boxes[session_id] = box
        return box

    async def make_room(self) -> None:
        """Reserve a place, closing the box that is idle for longest if there is none."""
        deadline = time.monotonic() + limits.BOX_WAIT_SECONDS
        while len(self.boxes) + self._opening >= self.boxes_max:
            idle = sorted((box for box in self.boxes.values() if box.calls == 0), key=lambda box: box.last_used)
            if idle:
                await self.close(idle[0])
                continue
            try:
                async with asyncio.timeout_at(asyncio.get_running_loop().time() + deadline - time.monotonic()):
                    async with self._room:
                        await self._room.wait()
            except TimeoutError as error:
                raise SandboxUnavailable(
                    f"all {self.boxes_max} boxes of this machine are in the middle of a call", "Try again later"
                ) from error
        self._opening += 1

    async def close(self, box: Box) -> None:
        if self.boxes.get(box.session_id) is box:
            del self.boxes[box.session_id]
        await asyncio.shield(box.close())
        async with self._room:
            self._room.notify_all()

    async def release(self, session_id: str) -> None:
        """End the session's processes; its files stay."""
        async with self.lock(session_id):
            await self.close_session(session_id)

    async def close_session(self, session_id: str) -> None:
        """For who holds the session's lock."""
        if box := self.boxes.get(session_id):
            await self.close(box)

    async def close_idle(self) -> None:
        now = time.monotonic()
        for box in list(self.boxes.values()):
            if box.calls == 0 and (not box.is_alive or now - box.last_used > self.idle_seconds):
                await self.close(box)

    async def close_all(self) -> None:
        await asyncio.gather(*(self.close(box) for box in list(self.boxes.values())))

    def packages_in_use(self) -> set[str]:
        return {name for box in self.boxes.values() for name in box.provisions.here.values()}

    def had_shell(self, session_id: str) -> bool:
        return os.path.exists(self.shell_note(session_id))

    def note_shell(self, session_id: str) -> None:
        """On disk, so that a shell that is lost with the host is missed, too."""
        note = self.shell_note(session_id)
        if not os.path.exists(note):
            os.close(os.open(note, os.O_CREAT | os.O_WRONLY, 0o600))

    def shell_note(self, session_id: str) -> str:
        return os.path.join(self.machine.folder(session_id), "state", "shell")


def is_better(fresh: Provisions, old: Provisions) -> bool:
    """Whether something is there by now that a box was opened without; other wishes wait for the next box."""
    return fresh.wanted == old.wanted and len(fresh.here) > len(old.here)


def patience(name: str, arguments: dict[str, Any], seconds: float) -> float:
    """How long the box itself takes at most."""
    return min(bash_timeout(arguments), seconds) if name == "bash" else seconds


def bash_timeout(arguments: dict[str, Any]) -> float:
    timeout_ms = arguments.get("timeout_ms")
    return timeout_ms / 1000.0 if timeout_ms else BASH_DEFAULT_SECONDS


def timeout_text(name: str, arguments: dict[str, Any], seconds: float) -> str:
    if name == "bash" and bash_timeout(arguments) <= seconds:
        return f"bash: bash command timed out after {bash_timeout(arguments)}s"
    return f"tool {name!r} timed out"


def failure(text: str) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": text}], "is_error": True}
