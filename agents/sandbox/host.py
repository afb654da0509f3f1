"""The sandbox host process: owns the boxes and files of this machine's sessions.

    python -m agents.sandbox.host --socket PATH --root FOLDER

It dies with the process that started it, and every box dies with it; files stay."""

import argparse
import asyncio
import contextlib
import fcntl
import os
import signal
import socket
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from agents.sandbox import limits, wire
from agents.sandbox.egress.gates import Egress
from agents.sandbox.installers import APT_FOLDER
from agents.sandbox.machine import NOBODY, Machine
from agents.sandbox.operations import Operations
from agents.sandbox.parent import die_with_parent
from agents.sandbox.pool import Pool

IDLE_LOOK_SECONDS = 10.0
ACCEPT_SECONDS = 0.1


class AlreadyRunning(Exception):
    """Another host owns this root."""


class Host:
    """Serves one request per connection; a client that hangs up cancels its call."""

    def __init__(self, operations: Operations) -> None:
        self.operations = operations
        self.calls: set[asyncio.Task[None]] = set()

    async def finish(self, seconds: float) -> None:
        """Let the calls under way end, those included that connected a moment ago."""
        deadline = time.monotonic() + seconds
        while self.calls and (rest := deadline - time.monotonic()) > 0:
            await asyncio.wait(self.calls, timeout=rest)

    async def hang_up(self) -> None:
        """End every call without an answer: its caller must not take the end of a box for the agent's doing."""
        for call in self.calls:
            call.cancel()
        if self.calls:
            await asyncio.wait(self.calls)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        call = asyncio.current_task()
        assert call is not None
        self.calls.add(call)
        call.add_done_callback(self.calls.discard)
        with contextlib.closing(writer), contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            try:
                answer = await self.answer(reader)
            except wire.BadMessage as error:
                answer = {"error": {"kind": "bad_request", "message": str(error)}}
            if answer is not None:
                writer.write(wire.pack(answer))
                await writer.drain()

    async def answer(self, reader: asyncio.StreamReader) -> dict[str, object] | None:
        request = await wire.receive(reader, limits.MESSAGE_MAX_BYTES)
        work = asyncio.ensure_future(self.operations.perform(request))
        hung_up = asyncio.ensure_future(reader.read(1))
        try:
            await asyncio.wait([work, hung_up], return_when=asyncio.FIRST_COMPLETED)
        finally:
            hung_up.cancel()
            if not work.done():
                work.cancel()
                await asyncio.wait([work])
        return None if work.cancelled() else work.result()


def own(root: str) -> int:
    """Two hosts on one root would end each other's boxes."""
    os.makedirs(root, mode=0o700, exist_ok=True)
    fd = os.open(os.path.join(root, ".lock"), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise AlreadyRunning(f"another sandbox host already owns {root}") from error
    return fd


async def listen(host: Host, path: str) -> asyncio.Server:
    """The socket appears under its name only when it is ready, and only for this user."""
    temporary = f"{path}.new"
    for name in (temporary, path):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)
    with wire.short_path(temporary) as name:
        before = os.umask(0o177)
        try:
            server = await asyncio.start_unix_server(host.serve, name)
        finally:
            os.umask(before)
    os.rename(temporary, path)
    return server


def turn_away(path: str) -> None:
    """From now on whoever connects is refused, and waits for the next host; the listener keeps those before."""
    with contextlib.suppress(OSError):  # a full disk is no reason to cut the calls under way
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{path}.end")
        with wire.short_path(f"{path}.end") as name, socket.socket(socket.AF_UNIX) as nobody:
            nobody.bind(name)
        os.rename(f"{path}.end", path)


async def run(options: argparse.Namespace) -> None:
    parent = os.getppid()
    lock = own(options.root)
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(max_workers=2, thread_name_prefix="files"))
    machine = Machine(
        options.root,
        uid=options.uid,
        memory=options.memory_mib * limits.MIB,
        folder_size=options.folder_mib * limits.MIB,
        apt_folder=options.apt_folder,
    )
    if options.egress:
        machine.egress = Egress(options.egress_private, machine.root)
    pool = Pool(machine, boxes_max=options.boxes_max, idle_seconds=options.idle_seconds)
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    operations = Operations(pool)
    host = Host(operations)
    server = await listen(host, options.socket)
    # What the last host left may be much; nobody has to wait for its end.
    clearing = asyncio.create_task(operations.clear_trash())
    print(f"sandbox host ready at {options.socket}", flush=True)
    while not stopping.is_set():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), min(IDLE_LOOK_SECONDS, options.idle_seconds / 2))
        await pool.close_idle()
    turn_away(options.socket)
    await asyncio.sleep(ACCEPT_SECONDS)  # who stood in line at the socket is let in before it is closed
    server.close()
    clearing.cancel()
    if os.getppid() == parent:
        await host.finish(options.finish_seconds)
    await host.hang_up()
    await operations.packages.stop()
    await pool.close_all()
    if machine.egress is not None:
        await machine.egress.stop()
    os.close(lock)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Owns the sandboxes of this machine's sessions.")
    parser.add_argument("--socket", required=True)
    parser.add_argument("--root", required=True)
    parser.add_argument("--uid", type=int, default=NOBODY, help="whom boxes run as when the host is root")
    parser.add_argument("--boxes-max", type=int, default=limits.BOXES_MAX)
    parser.add_argument("--idle-seconds", type=float, default=limits.BOX_IDLE_SECONDS)
    parser.add_argument("--finish-seconds", type=float, default=6.0, help="for calls under way when it is stopped")
    parser.add_argument("--memory-mib", type=int, default=limits.BOX_MEMORY // limits.MIB, help="of one box")
    parser.add_argument("--folder-mib", type=int, default=limits.BOX_FOLDER_SIZE // limits.MIB, help="of one session")
    parser.add_argument("--apt-folder", default=APT_FOLDER, help="where apt's sources are named")
    parser.add_argument("--egress", action="store_true", help="let boxes reach what their environments allow")
    parser.add_argument("--egress-private", action="append", default=[], help="an address inside a private network")
    options = parser.parse_args(argv)
    die_with_parent()
    try:
        asyncio.run(run(options))
    except (AlreadyRunning, OSError, ValueError) as error:
        sys.exit(f"sandbox host: {error}")


if __name__ == "__main__":
    main()
