"""HTTP to addresses that users name: public hosts alone, the checked address pinned, one deadline, bounded answers.

A host name is resolved once; if any of its addresses is not public the request is refused, and the connection goes to
an address that was checked, so that a second look-up cannot lead elsewhere. Redirects are answers, never followed.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

import httpx2

CONNECT_SECONDS = 3.0
ADDRESSES_TRIED = 3
NAT64 = IPv6Network("64:ff9b::/96")
LOCAL_NAMES = ("localhost", "localdomain", "local", "internal", "lan", "home.arpa")

type Address = IPv4Address | IPv6Address


class Unreachable(Exception):
    """No answer came; the text says why, without anything of the request."""


class NotPublic(Unreachable):
    """The address leads, or may lead, into a private network, or would carry secrets in the clear."""


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
    seconds: float = 10.0,
    most: int = 65_536,
    enough: Callable[[bytes], bool] | None = None,
) -> Answer:
    """One request and its answer within `seconds`, names and connections included; the body is read up to `most`
    bytes, or until `enough` says so. Raises `Unreachable`."""
    call = _Call(method=method, url=url, headers=headers, content=content, most=most, enough=enough)
    try:
        return asyncio.run(_answered(call, allow_private, seconds))
    except TimeoutError:
        raise Unreachable(f"It did not answer within {seconds:g} seconds.") from None


def is_public(address: Address) -> bool:
    """Whether the whole internet means the same machine by it."""
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo and address.teredo[1])
        if address in NAT64:
            inner = IPv4Address(int(address) & 0xFFFF_FFFF)
        if inner:
            return is_public(inner)
    return address.is_global and not address.is_multicast


def names_a_public_host(host: str) -> bool:
    """What can be told without a look-up: an address must be public, a name must not be one of local networks."""
    try:
        return is_public(ip_address(host.strip("[]").split("%")[0]))
    except ValueError:
        name = host.lower().rstrip(".")
    last = name.rsplit(".", 1)[-1]
    is_numeric = last.isdigit() or last.startswith("0x")  # another spelling of an IPv4 address
    return "." in name and not is_numeric and not any(name.endswith(f".{local}") for local in LOCAL_NAMES)


async def _answered(call: _Call, allow_private: bool, seconds: float) -> Answer:
    async with asyncio.timeout(seconds):
        parts = urlsplit(call.url)
        if parts.scheme != "https" and not allow_private:
            raise NotPublic("Only https addresses are called.")
        addresses = await _resolved(parts.hostname or "", parts.port or 443, allow_private)
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


async def _resolved(host: str, port: int, allow_private: bool) -> list[str]:
    if not allow_private and not names_a_public_host(host):
        raise NotPublic("The address is not public.")
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise Unreachable("The host name could not be resolved.") from None
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))[:ADDRESSES_TRIED]
    if not allow_private and not all(is_public(ip_address(entry[4][0])) for entry in found):
        raise NotPublic("The host name leads to an address that is not public.")
    return addresses


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
