"""The sandbox host's side of the proxy: which boxes have a way out, and the process that serves it while needed."""

import asyncio
import json
import os
import socket
import ssl
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from agents.sandbox.base import Network
from agents.sandbox.egress.policy import Opening, openings

AGAIN_SECONDS = 1.0  # between two starts: a proxy that cannot live must not be started in a loop
BUNDLES = ".trust"
BUNDLE = "bundle.pem"


class Gate:
    """One box's way out; the listener belongs to the box's own network."""

    def __init__(self, egress: "Egress", number: int, listener: socket.socket, network: Network) -> None:
        self.number = number
        self.listener = listener
        self.network = network
        self._names = {variable.name for variable in network.variables}
        self._egress = egress

    def renew(self, network: Network) -> None:
        """Secrets may change and go while a box is open; what its environment said when it was opened stays, and what
        it was not told of then it neither has nor trusts the proxy for."""
        known = tuple(variable for variable in network.variables if variable.name in self._names)
        renewed = Network(self.network.hosts, known)
        if renewed != self.network:
            self.network = renewed
            self._egress.tell({"do": "change", "gate": self.number}, renewed)

    def close(self) -> None:
        self._egress.drop(self)


class Egress:
    """`private`: the addresses inside private networks that an operator opens."""

    def __init__(self, private: Sequence[str], root: str) -> None:
        self.private = tuple(private)
        self.openings: list[Opening] = openings(private)
        self._folder = os.path.join(root, BUNDLES)
        self._authority: dict[str, str] = {}
        self._gates: dict[int, Gate] = {}
        self._count = 0
        self._line: socket.socket | None = None
        self._life: asyncio.Task[None] | None = None
        self._is_over = False

    def serve(self, listener: socket.socket, network: Network) -> Gate:
        self._count += 1
        gate = Gate(self, self._count, listener, network)
        self._gates[gate.number] = gate
        if self._line is not None:
            self._introduce(gate)
        elif self._life is None:
            self._watch(gate)
        return gate

    def drop(self, gate: Gate) -> None:
        if self._gates.pop(gate.number, None):
            asyncio.get_running_loop().remove_reader(gate.listener)
            gate.listener.close()
            self.tell({"do": "close", "gate": gate.number})

    def bundle(self) -> str:
        """The file name of the certificates that boxes with secrets trust, below the sandbox root."""
        path = os.path.join(self._folder, BUNDLE)
        if not self._authority:
            from agents.sandbox.egress.authority import make_authority  # 10 MB that most hosts never need

            os.makedirs(self._folder, mode=0o755, exist_ok=True)
            self._authority = asdict(make_authority())
            with open(f"{path}.new", "w") as file:
                file.write(system_certificates() + self._authority["certificate"])
            os.chmod(f"{path}.new", 0o644)
            os.rename(f"{path}.new", path)
            self.tell({"do": "trust"}, self._authority)
        return os.path.join(BUNDLES, BUNDLE)

    async def stop(self) -> None:
        self._is_over = True
        for gate in list(self._gates.values()):
            self.drop(gate)
        if self._life is not None:
            self._life.cancel()
            await asyncio.wait([self._life])

    def tell(self, message: dict[str, Any], secret: Any = None, *fds: int) -> None:
        """Secrets travel in memory that has no name, not in the message."""
        if self._line is None:
            return
        sent = [*fds, *([] if secret is None else [written(secret)])]
        try:
            socket.send_fds(self._line, [json.dumps(message).encode()], sent)
        except OSError:  # it is dying; whoever lives then is told everything anew
            with suppress(OSError):
                self._line.shutdown(socket.SHUT_RDWR)
        finally:
            for fd in sent[len(fds) :]:
                os.close(fd)

    def _watch(self, gate: Gate) -> None:
        asyncio.get_running_loop().add_reader(gate.listener, self._wake)

    def _wake(self) -> None:
        """Somebody in a box wants out."""
        for gate in self._gates.values():
            asyncio.get_running_loop().remove_reader(gate.listener)
        if self._life is None and not self._is_over:
            self._life = asyncio.create_task(self._live())

    def _introduce(self, gate: Gate) -> None:
        self.tell({"do": "open", "gate": gate.number}, gate.network, gate.listener.fileno())

    async def _live(self) -> None:
        """One life of the proxy; the next begins when somebody wants out again."""
        try:
            await self._run()
        except OSError as error:
            print(f"egress proxy: {error.strerror}", file=sys.stderr)
        await asyncio.sleep(AGAIN_SECONDS)
        self._life = None
        for gate in self._gates.values():
            self._watch(gate)

    async def _run(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        with ours:
            with theirs:
                command = [sys.executable, "-m", "agents.sandbox.egress", "--line", str(theirs.fileno())]
                process = await asyncio.create_subprocess_exec(
                    *command,
                    *(argument for address in self.private for argument in ("--private", address)),
                    stdin=asyncio.subprocess.DEVNULL,
                    pass_fds=[theirs.fileno()],
                )
            self._line = ours
            try:
                if self._authority:
                    self.tell({"do": "trust"}, self._authority)
                for gate in self._gates.values():
                    self._introduce(gate)
                await process.wait()
            finally:
                self._line = None
                with suppress(ProcessLookupError):
                    process.kill()
                await process.wait()


def written(secret: Any) -> int:
    fd = os.memfd_create("secret", os.MFD_CLOEXEC)
    data = json.dumps(asdict(secret) if isinstance(secret, Network) else secret).encode()
    with os.fdopen(os.dup(fd), "wb") as file:
        file.write(data)
    return fd


def system_certificates() -> str:
    path = ssl.get_default_verify_paths().cafile or ""  # None where there is none, whatever the stubs say
    if not path:
        return ""
    with open(path) as file:
        return file.read().rstrip("\n") + "\n"
