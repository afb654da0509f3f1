"""HTTP to addresses that users name: public hosts alone, the checked address pinned, one deadline, bounded answers.

A host name is resolved once; if any of its addresses is not public the request is refused, and the connection goes to
an address that was checked, so that a second look-up cannot lead elsewhere. Redirects are answers, never followed.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from urllib.parse import urlsplit

import httpx2

from agents.addresses import Address, Exempt, NotPublic, Unreachable, resolved

CONNECT_SECONDS = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Header names are in lower case; `body` may be cut off."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    is_cut_off: bool

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """What may be called: by default https at public hosts. `exempt`: addresses that an operator has opened."""

    exempt: Exempt | None = None
    takes_http: bool = False
    refuses_own: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    content: bytes = field(repr=False)
    most: int
    enough: Callable[[bytes], bool] | None


def request(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    content: bytes = b"",
    allow_private: bool = False,
    reach: Reach | None = None,
    seconds: float = 10.0,
    most: int = 65_536,
    enough: Callable[[bytes], bool] | None = None,
) -> Answer:
    """One request and its answer within `seconds`, names and connections included; the body is read up to `most`
    bytes, or until `enough` says so. Raises `Unreachable`."""
    call = _Call(method=method, url=url, headers=headers, content=content, most=most, enough=enough)
    try:
        return asyncio.run(_answered(call, reach or (ANYTHING if allow_private else Reach()), seconds))
    except TimeoutError:
        raise Unreachable(f"It did not answer within {seconds:g} seconds.") from None


class PinnedTransport(httpx2.AsyncBaseTransport):
    """The same rules for a client that speaks HTTP by itself, for one host: every request goes to an address that was
    checked, no answer is read beyond `most` bytes. `problem` says what went wrong last; `status` is that of the last
    answer, where one to a POST counts more than one to a GET, which may be tried on the side."""

    def __init__(self, host: str, *, most: int, allow_private: bool = False) -> None:
        self.problem = ""
        self.status = 0
        self._has_posted = False
        self._host, self._most, self._allow_private = host.lower(), most, allow_private
        self._addresses: list[str] = []
        self._inner = httpx2.AsyncHTTPTransport(verify=_tls(), trust_env=False)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        try:
            response = await self._sent(request)
        except Unreachable as error:
            self.problem = str(error)
            raise httpx2.ConnectError(self.problem, request=request) from None
        except httpx2.HTTPError as error:
            self.problem = _reason(error)
            raise
        if request.method == "POST" or not self._has_posted:
            self.status = response.status_code
            self._has_posted = request.method == "POST"
        if response.headers.get("content-encoding", "identity") != "identity":
            await response.aclose()
            self._refuse("It sent a compressed answer that nobody asked for.")
        stream = _Bounded(response.stream, self._most, self._refuse)
        return httpx2.Response(
            response.status_code, headers=response.headers, stream=stream, extensions=response.extensions
        )

    async def _sent(self, request: httpx2.Request) -> httpx2.Response:
        url = request.url
        if url.scheme != "https" and not self._allow_private:
            raise NotPublic("Only https addresses are called.")
        if url.host.lower() != self._host:
            raise NotPublic("It leads to another host.")
        if not self._addresses:
            port = url.port or (443 if url.scheme == "https" else 80)
            self._addresses = await resolved(url.host, port, exempt=_everything if self._allow_private else None)
        request.headers["accept-encoding"] = "identity"
        extensions = {**request.extensions, "sni_hostname": url.raw_host.decode()}
        for address in list(self._addresses):
            pinned = httpx2.Request(
                request.method,
                url.copy_with(host=address),
                headers=request.headers,
                stream=request.stream,
                extensions=extensions,
            )
            try:
                response = await self._inner.handle_async_request(pinned)
            except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
                reason = _reason(error)
                continue
            self._addresses = [address]
            return response
        raise Unreachable(reason)

    def _refuse(self, problem: str) -> None:
        self.problem = problem
        raise Refused(problem)

    async def aclose(self) -> None:
        await self._inner.aclose()


class Refused(httpx2.StreamError):
    """The answer is not read any further."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)


class _Bounded(httpx2.AsyncByteStream):
    """An answer's body that is an error once it is too long."""

    def __init__(self, stream: object, most: int, refuse: Callable[[str], None]) -> None:
        assert isinstance(stream, httpx2.AsyncByteStream)
        self._stream, self._most, self._refuse = stream, most, refuse

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for chunk in self._stream:
            size += len(chunk)
            if size > self._most:
                self._refuse(f"It answered more than {self._most:,} bytes.")
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()


async def _answered(call: _Call, reach: Reach, seconds: float) -> Answer:
    async with asyncio.timeout(seconds):
        parts = urlsplit(call.url)
        if parts.scheme != "https" and not reach.takes_http:
            raise NotPublic("Only https addresses are called.")
        port = parts.port or (80 if parts.scheme == "http" else 443)
        addresses = await resolved(parts.hostname or "", port, exempt=reach.exempt, refuses_own=reach.refuses_own)
        timeout = httpx2.Timeout(seconds, connect=CONNECT_SECONDS)
        async with httpx2.AsyncClient(verify=_tls(), trust_env=False, timeout=timeout) as client:
            for address in addresses:
                try:
                    return await _sent(client, call, address)
                except httpx2.HTTPError as error:
                    reason = _reason(error)
                    if not isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout):
                        break
    raise Unreachable(reason)


def _everything(address: Address, port: int) -> bool:
    return True


ANYTHING = Reach(exempt=_everything, takes_http=True)


async def _sent(client: httpx2.AsyncClient, call: _Call, address: str) -> Answer:
    target = httpx2.URL(call.url)
    # What a server compresses would be unpacked in memory: no compression, no bombs.
    headers = {"host": target.netloc.decode(), "accept-encoding": "identity", **call.headers}
    extensions = {"sni_hostname": target.raw_host.decode()}
    pinned = target.copy_with(host=address)
    async with client.stream(
        call.method, pinned, headers=headers, content=call.content, extensions=extensions
    ) as response:
        body = bytearray()
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) > call.most or (call.enough and call.enough(bytes(body))):
                break
        return Answer(
            status=response.status_code,
            headers={name.lower(): value for name, value in response.headers.items()},
            body=bytes(body[: call.most]),
            is_cut_off=len(body) > call.most,
        )


def _reason(error: httpx2.HTTPError) -> str:
    if isinstance(error, httpx2.TimeoutException):
        return "It did not answer in time."
    if isinstance(error.__cause__, ssl.SSLError) or "SSL" in str(error) or "certificate" in str(error).lower():
        return "A secure connection could not be made."
    return "The connection failed."


@cache
def _tls() -> ssl.SSLContext:
    return httpx2.create_ssl_context(trust_env=True)
