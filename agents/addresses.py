"""Which hosts are public, and where a name leads: looked up once, every address checked, for whoever connects out."""

import asyncio
import socket
from collections.abc import Callable, Iterable
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

ADDRESSES_TRIED = 3
HOLDING_IPV4 = tuple(
    map(IPv6Network, ("64:ff9b::/96", "::/96", "::ffff:0:0:0/96"))
)  # an IPv4 address in their last bits
OF_THE_HOST = {IPv4Address("168.63.129.16")}  # looks public, and is what a cloud tells its machines' secrets by
LOCAL_NAMES = ("localhost", "localdomain", "local", "internal", "lan", "home.arpa")

type Address = IPv4Address | IPv6Address
type Exempt = Callable[[Address, int], bool]  # whether an operator has opened this address and port


class Unreachable(Exception):
    """No answer came; the text says why, without anything of the request."""


class NotPublic(Unreachable):
    """The address leads, or may lead, into a private network, or would carry secrets in the clear."""


def is_public(address: Address) -> bool:
    """Whether the whole internet means the same machine by it."""
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo and address.teredo[1])
        if any(address in network for network in HOLDING_IPV4):
            inner = IPv4Address(int(address) & 0xFFFF_FFFF)
        if inner:
            return is_public(inner)
        if address.is_site_local:  # given up long ago, and private where somebody still uses it
            return False
    return address.is_global and not address.is_multicast and address not in OF_THE_HOST


def names_a_public_host(host: str) -> bool:
    """What can be told without a look-up: an address must be public, a name must not be one of local networks."""
    try:
        return is_public(ip_address(host.strip("[]").split("%")[0]))
    except ValueError:
        name = host.lower().rstrip(".")
    last = name.rsplit(".", 1)[-1]
    is_numeric = last.isdigit() or last.startswith("0x")  # another spelling of an IPv4 address
    return "." in name and not is_numeric and not any(name.endswith(f".{local}") for local in LOCAL_NAMES)


def is_allowed(host: str, allowed_hosts: Iterable[str]) -> bool:
    """Whether the list names the host itself, or by `*.` what it lies below."""
    for entry in allowed_hosts:
        name = entry.lower().removeprefix("https://")
        if host == name or (name.startswith("*.") and host.endswith(name[1:])):
            return True
    return False


def is_own(address: Address) -> bool:
    """Whether it belongs to this machine, by asking the kernel from where it would go there; nothing is sent."""
    with socket.socket(socket.AF_INET if address.version == 4 else socket.AF_INET6, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((str(address), 9))
        except OSError:
            return False
        return ip_address(probe.getsockname()[0]) == address


async def resolved(host: str, port: int, *, exempt: Exempt | None = None, refuses_own: bool = False) -> list[str]:
    """The addresses to connect to, and none but these: a second look-up could lead elsewhere. `refuses_own`: also
    this machine's public ones, on which it offers itself more than it offers the world."""
    if exempt is None and not names_a_public_host(host):
        raise NotPublic("The address is not public.")
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise Unreachable("The host name could not be resolved.") from None
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    is_named_public = names_a_public_host(host)
    for address in map(ip_address, addresses):
        is_open = is_named_public and is_public(address) and not (refuses_own and is_own(address))
        if not is_open and not (exempt and exempt(address, port)):
            raise NotPublic("The host name leads to an address that is not public.")
    return addresses[:ADDRESSES_TRIED]
