"""HTTP/1.1 that is read: plain requests, and those inside TLS that may carry a placeholder of a secret."""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import h11

from agents.addresses import Unreachable
from agents.sandbox import limits
from agents.sandbox.egress.policy import Refused, Target, target_of
from agents.sandbox.egress.substitution import Headers, Rewriter, Substitution

CHUNK_BYTES = 64 * 1024
HOP_BY_HOP = {b"connection", b"keep-alive", b"proxy-connection", b"proxy-authorization", b"te", b"trailer", b"expect"}
HOP_BY_HOP |= {b"proxy-authenticate", b"upgrade"}
FRAMING = {b"content-length", b"transfer-encoding"}
SWITCHING = 101
ERRORS = (OSError, EOFError, TimeoutError, ssl.SSLError)

type Connect = Callable[[Target], Awaitable[socket.socket]]


class Broken(Exception):
    """The upstream's answer cannot be passed on; the text says why."""


class Side:
    """One of the two connections: h11's state and the bytes beneath."""

    def __init__(self, role: Any, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.http = h11.Connection(role, max_incomplete_event_size=limits.EGRESS_HEAD_MAX_BYTES)
        self.reader = reader
        self.writer = writer

    async def event(self) -> Any:
        while (event := self.http.next_event()) is h11.NEED_DATA:
            async with asyncio.timeout(limits.EGRESS_IDLE_SECONDS):
                self.http.receive_data(await self.reader.read(CHUNK_BYTES))
        return event

    async def send(self, event: Any) -> None:
        if data := self.http.send(event):
            await self.send_bytes(data)

    async def send_bytes(self, data: bytes) -> None:
        self.writer.write(data)
        async with asyncio.timeout(limits.EGRESS_IDLE_SECONDS):
            await self.writer.drain()

    def close(self) -> None:
        with suppress(*ERRORS):
            self.writer.close()


class Exchange:
    """The requests of one client connection, one after the other.

    `target`: the host of a tunnel; without one, every request names its own. `substitution`: what applies now."""

    def __init__(
        self,
        connect: Connect,
        target: Target | None,
        tls: ssl.SSLContext | None,
        substitution: Callable[[], Substitution | None],
    ) -> None:
        self._connect = connect
        self._target = target
        self._tls = tls
        self._substitution = substitution

    async def run(self, client: socket.socket, head: bytes, tls: ssl.SSLContext | None) -> None:
        """`head`: what was read of the client already; `tls`: to meet its handshake with."""
        side = await streams(h11.SERVER, client.dup(), tls)
        try:
            if head:
                side.http.receive_data(head)
            while await self._one(side):
                side.http.start_next_cycle()
        except (h11.ProtocolError, *ERRORS):
            return  # a client that is no client, or that went away
        finally:
            side.close()

    async def _one(self, client: Side) -> bool:
        """Serve one request; whether another may follow."""
        request = await client.event()
        if not isinstance(request, h11.Request):
            return False
        upstream: Side | None = None
        try:
            target, path = self._where(request)
            upstream = await self._open(target)
            await self._pass(client, upstream, request, target, path)
        except Refused as error:
            await refuse(client, 403, str(error))
        except (Unreachable, Broken, h11.RemoteProtocolError, *ERRORS) as error:
            await refuse(client, 502, said(error))
        finally:
            if upstream is not None:
                upstream.close()
        return client.http.our_state is h11.DONE and client.http.their_state is h11.DONE

    def _where(self, request: h11.Request) -> tuple[Target, bytes]:
        if self._target is not None:
            return self._target, request.target
        try:
            parts = urlsplit(request.target.decode("ascii"))
            port = parts.port or 80
        except ValueError:
            raise Refused("The address of the request is none.") from None
        name = parts.hostname or ""
        target = target_of(f"[{name}]:{port}" if ":" in name else f"{name}:{port}")
        if parts.scheme != "http" or target is None:
            raise Refused("A proxy takes whole http addresses; for https, open a tunnel with CONNECT.")
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return target, path.encode()

    async def _open(self, target: Target) -> Side:
        connection = await self._connect(target)
        try:
            async with asyncio.timeout(limits.EGRESS_OPEN_SECONDS):
                reader, writer = await asyncio.open_connection(
                    sock=connection, ssl=self._tls, server_hostname=target.host if self._tls else None
                )
        except BaseException:
            connection.close()
            raise
        return Side(h11.CLIENT, reader, writer)

    async def _pass(self, client: Side, upstream: Side, request: h11.Request, target: Target, path: bytes) -> None:
        substitution = self._substitution()
        body = await self._begin(client, upstream, request, target, path, substitution)
        sending = asyncio.create_task(self._send_body(client, upstream, body))
        try:
            await self._answer(client, upstream, substitution.answer() if substitution else Rewriter({}))
        finally:
            sending.cancel()
            with suppress(asyncio.CancelledError, h11.ProtocolError, *ERRORS):
                await sending

    async def _begin(
        self,
        client: Side,
        upstream: Side,
        request: h11.Request,
        target: Target,
        path: bytes,
        substitution: Substitution | None,
    ) -> Rewriter:
        """Send the head, and the body with it where that is short; the rewriter is for what is still to come."""
        sent = dict(request.headers)
        headers = end_to_end(list(request.headers))
        authority = target.authority.removesuffix(":443" if self._tls else ":80")
        headers = [(b"host", authority.encode()), *without(headers, {b"host"}), *upgrade_of(request)]
        rewriter = None
        if substitution is not None:
            # What comes back must be readable, or a secret in it could not be taken out.
            headers = [*without(substitution.headers(headers), {b"accept-encoding"}), (b"accept-encoding", b"identity")]
            rewriter = substitution.body(sent.get(b"content-type", b""))
        if client.http.they_are_waiting_for_100_continue:
            await client.send(h11.InformationalResponse(status_code=100, headers=[]))
        body = None
        if rewriter is not None and has_body(headers):
            body = await read_short(client, sent.get(b"content-length", b""))
            length = [] if body is None else [(b"content-length", str(len(body := rewriter.whole(body))).encode())]
            headers = [*without(headers, FRAMING), *(length or [(b"transfer-encoding", b"chunked")])]
        try:
            head = h11.Request(method=request.method, target=path, headers=headers)
        except h11.LocalProtocolError:
            raise Broken("A credential of this session holds characters that no header can carry.") from None
        await upstream.send(head)
        if body is not None:
            await upstream.send(h11.Data(data=body))
            await upstream.send(h11.EndOfMessage())
        return rewriter or Rewriter({})

    async def _send_body(self, client: Side, upstream: Side, rewriter: Rewriter) -> None:
        if upstream.http.our_state is not h11.SEND_BODY:
            return
        while isinstance(event := await client.event(), h11.Data):
            if data := rewriter.feed(bytes(event.data)):
                await upstream.send(h11.Data(data=data))
        if isinstance(event, h11.EndOfMessage):
            if data := rewriter.feed(b"", is_last=True):
                await upstream.send(h11.Data(data=data))
            await upstream.send(h11.EndOfMessage())

    async def _answer(self, client: Side, upstream: Side, redactor: Rewriter) -> None:
        event = await upstream.event()
        while isinstance(event, h11.InformationalResponse) and event.status_code != SWITCHING:
            event = await upstream.event()
        if isinstance(event, h11.InformationalResponse):
            await self._switch(client, upstream, event, redactor)
            return
        if not isinstance(event, h11.Response):
            raise Broken("It ended the connection without an answer.")
        reason = redactor.whole(bytes(event.reason))
        await client.send(h11.Response(status_code=event.status_code, headers=shown(event, redactor), reason=reason))
        while isinstance(event := await upstream.event(), h11.Data):
            if data := redactor.feed(bytes(event.data)):
                await client.send(h11.Data(data=data))
        if not isinstance(event, h11.EndOfMessage):
            raise Broken("It ended the connection in the middle of its answer.")
        if data := redactor.feed(b"", is_last=True):
            await client.send(h11.Data(data=data))
        await client.send(h11.EndOfMessage())

    async def _switch(self, client: Side, upstream: Side, event: Any, redactor: Rewriter) -> None:
        """A web socket: from here on bytes are passed as they are, both ways."""
        headers = [(name, redactor.whole(value)) for name, value in event.headers]
        await client.send(h11.InformationalResponse(status_code=SWITCHING, headers=headers))
        await upstream.send_bytes(client.http.trailing_data[0])
        await client.send_bytes(upstream.http.trailing_data[0])
        ways = [asyncio.create_task(copy(client, upstream)), asyncio.create_task(copy(upstream, client))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)


async def copy(source: Side, target: Side) -> None:
    while True:
        async with asyncio.timeout(limits.EGRESS_IDLE_SECONDS):
            data = await source.reader.read(CHUNK_BYTES)
        if not data:
            return
        await target.send_bytes(data)


async def streams(role: Any, connection: socket.socket, tls: ssl.SSLContext | None) -> Side:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=CHUNK_BYTES)
    protocol = asyncio.StreamReaderProtocol(reader)
    try:
        transport, _ = await loop.connect_accepted_socket(
            lambda: protocol,
            connection,
            ssl=tls,
            ssl_handshake_timeout=limits.EGRESS_HEAD_SECONDS if tls else None,
        )
    except BaseException:
        connection.close()
        raise
    return Side(role, reader, asyncio.StreamWriter(transport, protocol, reader, loop))


async def read_short(client: Side, length: bytes) -> bytes | None:
    """The whole body, if its length is told and short."""
    if not length.isdigit() or int(length) > limits.EGRESS_BODY_MAX_BYTES:
        return None
    body = b""
    while isinstance(event := await client.event(), h11.Data):
        body += bytes(event.data)
    if not isinstance(event, h11.EndOfMessage):
        raise EOFError
    return body


def end_to_end(headers: Headers) -> Headers:
    """Without what concerns one connection alone, and what `connection` names beside."""
    named = {word.strip().lower() for name, value in headers if name == b"connection" for word in value.split(b",")}
    return without(headers, HOP_BY_HOP | (named - FRAMING))


def without(headers: Headers, names: set[bytes]) -> Headers:
    return [(name, value) for name, value in headers if name not in names]


def upgrade_of(request: h11.Request) -> Headers:
    """To a web socket and nothing else: some clients offer HTTP/2 so, in the clear, which is not read here."""
    if (b"upgrade", b"websocket") in [(name, value.lower()) for name, value in request.headers]:
        return [(b"connection", b"upgrade"), (b"upgrade", b"websocket")]
    return [(b"connection", b"close")]


def has_body(headers: Headers) -> bool:
    return any(name in FRAMING for name, _ in headers)


def shown(event: h11.Response, redactor: Rewriter) -> Headers:
    headers = end_to_end(list(event.headers))
    if redactor.is_idle:
        return headers
    if any(name == b"content-encoding" and value.strip().lower() != b"identity" for name, value in headers):
        raise Broken("It sent a compressed answer that nobody asked for, in which secrets could hide.")
    return [(name, redactor.whole(value)) for name, value in without(headers, FRAMING)]


async def refuse(client: Side, status: int, sentence: str) -> None:
    """Where no answer has begun; else the connection just ends, which says as much."""
    if client.http.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
        return
    body = f"{sentence}\n".encode()
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
    headers.append((b"connection", b"close"))
    await client.send(h11.Response(status_code=status, headers=headers, reason=sentence.encode("ascii", "replace")))
    await client.send(h11.Data(data=body))
    await client.send(h11.EndOfMessage())


def said(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return "The certificate of the host could not be verified."
    if isinstance(error, ssl.SSLError):
        return "A secure connection to the host could not be made."
    if isinstance(error, TimeoutError):
        return "The host did not answer in time."
    return str(error) if isinstance(error, Unreachable | Broken) else "The host ended the connection."
