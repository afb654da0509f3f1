"""One box's proxy: takes its connections, asks the policy, passes bytes on: unread, but where a secret is due."""

import asyncio
import socket
import ssl
from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property
from typing import Any

from agents.addresses import Address, NotPublic, Unreachable, resolved
from agents.sandbox import limits
from agents.sandbox.base import Network
from agents.sandbox.egress.policy import Opening, Refused, Target, check, exemption, not_public, target_of
from agents.sandbox.egress.pump import ended, pump, readable
from agents.sandbox.egress.substitution import Substitution, applicable

CHUNK_BYTES = 64 * 1024
HANDSHAKE = 0x16  # how TLS begins
HEAD_END = b"\r\n\r\n"
ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"


class BadClient(Exception):
    """What it sent is no request that a proxy takes; the text says so."""


class Ways:
    """How connections are made: by the operator's exemptions, with the host's certificate authority."""

    def __init__(self, opened: Sequence[Opening]) -> None:
        self.exempt = exemption(opened)
        self._authority: dict[str, str] = {}

    def trust(self, authority: dict[str, str]) -> None:
        self._authority = authority
        self.__dict__.pop("leaves", None)

    @cached_property
    def leaves(self) -> Any:
        from agents.sandbox.egress.authority import Authority, Leaves

        return Leaves(Authority(**self._authority))

    @cached_property
    def upstream_tls(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        context.set_alpn_protocols(["http/1.1"])
        return context

    async def connect(self, target: Target, *, is_trusted: bool = False) -> socket.socket:
        """Connected to an address that was checked, unless the target is trusted. Raises `Unreachable`."""
        exempt = anywhere if is_trusted else self.exempt
        addresses = await resolved(target.host, target.port, exempt=exempt, refuses_own=True)
        problem: Exception = Unreachable("The connection failed.")
        for address in addresses:
            connection = new_socket(address)
            try:
                async with asyncio.timeout(limits.EGRESS_CONNECT_SECONDS):
                    await asyncio.get_running_loop().sock_connect(connection, (address, target.port))
                return connection
            except (OSError, TimeoutError) as error:
                connection.close()
                problem = error
            except BaseException:
                connection.close()
                raise
        raise Unreachable("The connection failed.") from problem


class Gateway:
    """One box's listener and what connects to it; `network` may be replaced at any time."""

    def __init__(self, listener: socket.socket, network: Network, ways: Ways) -> None:
        self.network = network
        self.ways = ways
        self._listener = listener
        self._listener.setblocking(False)
        self._lookups = asyncio.Semaphore(limits.EGRESS_LOOKUPS_MAX)
        self._clients: set[asyncio.Task[None]] = set()
        self._accepting = asyncio.create_task(self._accept())
        self._accepting.add_done_callback(lambda _: self._listener.close())

    def close(self) -> None:
        for task in (self._accepting, *self._clients):
            task.cancel()

    async def connect(self, target: Target) -> socket.socket:
        """Raises `Refused` with the sentence for the client, `Unreachable` where the policy has nothing against it."""
        is_trusted = target.authority in self.network.trusted
        if not is_trusted:
            check(target, self.network.hosts)
        try:
            async with self._lookups, asyncio.timeout(limits.EGRESS_OPEN_SECONDS):
                return await self.ways.connect(target, is_trusted=is_trusted)
        except NotPublic:
            raise Refused(not_public(target)) from None
        except TimeoutError:
            raise Unreachable("It did not answer in time.") from None

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                client, _ = await loop.sock_accept(self._listener)
            except OSError:  # out of file descriptors, or the client went away again
                await asyncio.sleep(limits.EGRESS_PAUSE_SECONDS)
                continue
            if len(self._clients) >= 2 * limits.EGRESS_CONNECTIONS_MAX:
                client.close()
                continue
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            task = asyncio.create_task(self._serve(client, is_crowded=self.is_crowded))
            self._clients.add(task)
            task.add_done_callback(self._clients.discard)

    @property
    def is_crowded(self) -> bool:
        return len(self._clients) >= limits.EGRESS_CONNECTIONS_MAX

    async def _serve(self, client: socket.socket, *, is_crowded: bool) -> None:
        with client, suppress(OSError, EOFError, TimeoutError):
            if is_crowded:
                await answer(client, 503, f"This sandbox has {limits.EGRESS_CONNECTIONS_MAX} connections open already.")
                return
            try:
                async with asyncio.timeout(limits.EGRESS_HEAD_SECONDS):
                    head = await read_head(client)
                if head.startswith(b"CONNECT "):
                    await self._tunnel(client, tunnel_target(head))
                else:
                    await self._forward(client, head)
            except BadClient as error:
                await answer(client, 400, str(error))
            except Refused as error:
                await answer(client, 403, str(error))
            except Unreachable as error:
                await answer(client, 502, str(error))

    async def _tunnel(self, client: socket.socket, target: Target) -> None:
        upstream = await self.connect(target)
        with upstream:
            await asyncio.get_running_loop().sock_sendall(client, ESTABLISHED)
            variables = applicable(self.network.variables, target.host)
            if not variables or not await begins_tls(client, upstream):
                await pump(client, upstream)
                return
            from agents.sandbox.egress.exchange import Exchange

            async def connect(target: Target) -> socket.socket:
                """The one that is open already, and for later requests another."""
                open_one = upstream.detach()
                return socket.socket(fileno=open_one) if open_one >= 0 else await self.connect(target)

            exchange = Exchange(connect, target, self.ways.upstream_tls, lambda: self._substitution(target))
            await exchange.run(client, b"", self.ways.leaves.context(target.host))

    async def _forward(self, client: socket.socket, head: bytes) -> None:
        from agents.sandbox.egress.exchange import Exchange

        await Exchange(self.connect, None, None, lambda: None).run(client, head, None)

    def _substitution(self, target: Target) -> Substitution:
        """By what the credentials are now: a connection may outlive them."""
        return Substitution(applicable(self.network.variables, target.host))


def anywhere(address: Address, port: int) -> bool:
    return True


def new_socket(address: str) -> socket.socket:
    connection = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    connection.setblocking(False)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


async def read_head(client: socket.socket) -> bytes:
    """Up to the end of the head; of a tunnel's not a byte more, for what follows is not ours to read."""
    loop = asyncio.get_running_loop()
    head = b""
    while HEAD_END not in head:
        await readable(client)
        seen = client.recv(CHUNK_BYTES, socket.MSG_PEEK)
        if not seen:
            raise EOFError
        end = (head + seen).find(HEAD_END)
        wanted = len(seen) if end < 0 else end + len(HEAD_END) - len(head)
        head += await loop.sock_recv(client, wanted)
        if len(head) > limits.EGRESS_HEAD_MAX_BYTES:
            raise BadClient("The head of the request is too long.")
    return head


def tunnel_target(head: bytes) -> Target:
    parts = head.partition(b"\r\n")[0].decode("latin-1").split(" ")
    target = target_of(parts[1]) if len(parts) == 3 else None
    if target is None:
        raise BadClient("CONNECT takes a host name or address, and a port.")
    return target


async def begins_tls(client: socket.socket, upstream: socket.socket) -> bool:
    """Whoever speaks first decides: a client's handshake, or a server's greeting, which is passed on unread."""
    waiting = [asyncio.ensure_future(readable(each)) for each in (client, upstream)]
    try:
        async with asyncio.timeout(limits.EGRESS_IDLE_SECONDS):
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await ended(*waiting)
    with suppress(BlockingIOError):
        first = client.recv(1, socket.MSG_PEEK)
        return first[:1] == bytes([HANDSHAKE])
    return False


async def answer(client: socket.socket, status: int, sentence: str) -> None:
    """Tools show the words behind the status, people and models the body: both say it."""
    body = f"{sentence}\n".encode()
    head = f"HTTP/1.1 {status} {sentence}\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: {len(body)}\r\n"
    async with asyncio.timeout(limits.EGRESS_CONNECT_SECONDS):
        await asyncio.get_running_loop().sock_sendall(client, f"{head}connection: close\r\n\r\n".encode() + body)
        client.shutdown(socket.SHUT_WR)
        while await asyncio.get_running_loop().sock_recv(client, CHUNK_BYTES):
            pass  # closing with bytes unread would reset the connection before the answer is seen
