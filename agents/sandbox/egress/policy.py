"""PURE: where a box may connect to: what its environment allows, what an operator opened, what nobody reaches."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from agents.addresses import Address, is_allowed

# Mail: a machine that sends what agents are talked into ends on block lists, and takes its neighbours with it.
REFUSED_PORTS = frozenset({25, 465, 587, 2525})
HOST_MAX = 253
_TARGET = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9_.-]+)):([0-9]{1,5})")
_OPENING = re.compile(r"(?:\[([^\]]+)\]|([^:\[\]]+)|([0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*(?:/\d+)?))(?::(\d{1,5}))?")


class Refused(Exception):
    """The sentence that the client in the box gets to read."""


@dataclass(frozen=True, slots=True)
class Target:
    """A host in lower case, without a last dot, and a port."""

    host: str
    port: int

    @property
    def authority(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Opening:
    """Addresses of a private network that an operator lets boxes reach; without a port, on every port."""

    network: IPv4Network | IPv6Network
    port: int | None

    def covers(self, address: Address, port: int) -> bool:
        return self.port in (None, port) and address.version == self.network.version and address in self.network


def target_of(text: str) -> Target | None:
    """`host:port` as a client writes it; None for what no client of ours would."""
    found = _TARGET.fullmatch(text)
    if found is None:
        return None
    host = (found[1] or found[2]).lower().rstrip(".")
    port = int(found[3])
    if not 1 <= len(host) <= HOST_MAX or not 1 <= port <= 65535 or (found[1] and not _is_ipv6(host)):
        return None
    return Target(host, port)


def check(target: Target, hosts: Sequence[str] | None) -> None:
    """`hosts`: what a limited environment lists, None for an unrestricted one. Raises `Refused`."""
    if target.port in REFUSED_PORTS:
        raise Refused(
            f"Port {target.port} of {target.host} is not allowed: sandboxes send no mail,"
            " whatever the environment's networking says."
        )
    if hosts is not None and not is_allowed(target.host, hosts):
        raise Refused(
            f"The host {target.host} is not allowed: this session's environment has limited networking,"
            " and its allowed_hosts do not name it."
        )


def not_public(target: Target) -> str:
    return (
        f"The host {target.host} is not allowed: it leads into a private network,"
        " which no environment's networking opens."
    )


def openings(entries: Sequence[str]) -> list[Opening]:
    """`10.1.2.3`, `10.1.2.3:8080`, `10.0.0.0/8`, `[fd00::1]:80`; ValueError names what is none."""
    return [_opening(entry) for entry in entries]


def exemption(opened: Sequence[Opening]) -> Callable[[Address, int], bool] | None:
    if not opened:
        return None
    return lambda address, port: any(opening.covers(address, port) for opening in opened)


def _opening(entry: str) -> Opening:
    found = _OPENING.fullmatch(entry.strip())
    try:
        if found is None:
            raise ValueError
        port = int(found[4]) if found[4] else None
        if port is not None and not 1 <= port <= 65535:
            raise ValueError
        return Opening(ip_network(found[1] or found[2] or found[3]), port)
    except ValueError:
        raise ValueError(f"{entry!r} is no address such as 10.1.2.3, 10.1.2.3:8080, 10.0.0.0/8 or [fd00::1]:80")


def _is_ipv6(host: str) -> bool:
    try:
        return ip_address(host).version == 6
    except ValueError:
        return False
