"""The registries that an operator named for this host, as installers in boxes are told of them.

Operators name them as for the package managers themselves, in the environment of the sandbox host. A password in such
an address never enters a box, where the code of any package could read it: the egress proxy puts it in, over https."""

import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit

from agents.sandbox.base import Variable

ADDRESSES = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "NPM_CONFIG_REGISTRY", "GOPROXY")
WORDS = ("PIP_TRUSTED_HOST", "GOSUMDB", "GONOSUMDB")
_ADDRESS, _COMMENT = re.compile(r"https?://[^\s\]]+"), re.compile(r"#.*")
PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Mirrors:
    """`environment` for the installers; `trusted`: the `host:port` of each, for the proxy to let through."""

    environment: dict[str, str]
    trusted: tuple[str, ...]
    variables: tuple[Variable, ...]
    problem: str = ""


def mirrors_of(environ: Mapping[str, str]) -> Mirrors:
    told: dict[str, str] = {}
    trusted: list[str] = []
    variables: list[Variable] = []
    for name in ADDRESSES:
        shown = []
        for address in _stated(environ, name).replace(",", " ").split():
            parts = _read(address)
            if parts is None:
                shown += [address] if name == "GOPROXY" and address in ("direct", "off") else []
                continue
            if parts.username and parts.scheme != "https":
                return Mirrors({}, (), (), f"{name} of the sandbox host sends a password without https.")
            if parts.username:
                variables.append(_variable(parts))
                address = _hidden(parts, variables[-1].placeholder)
            trusted.append(_authority(parts))
            shown.append(address)
        if shown:
            told[name] = ("," if name == "GOPROXY" else " ").join(shown)
    told |= {name: environ[name] for name in WORDS if environ.get(name)}
    return Mirrors(told, tuple(dict.fromkeys(trusted)), tuple(variables))


def hosts_of(authorities: Iterable[str]) -> set[str]:
    return {authority.rpartition(":")[0].strip("[]") for authority in authorities}


def authorities_in(text: str) -> tuple[str, ...]:
    """The `host:port` of every address in the sources of apt."""
    return tuple(dict.fromkeys(map(_authority, _addresses(text))))


def holds_password(text: str) -> bool:
    return any(parts.username for parts in _addresses(text))


def _addresses(text: str) -> list[SplitResult]:
    found = map(_read, _ADDRESS.findall(_COMMENT.sub("", text)))
    return [parts for parts in found if parts is not None]


def _read(address: str) -> SplitResult | None:
    """None for what is no address of a registry."""
    try:
        parts = urlsplit(address)
        return parts if parts.scheme in PORTS and parts.hostname and parts.port != 0 else None
    except ValueError:
        return None


def _stated(environ: Mapping[str, str], name: str) -> str:
    return environ.get(name) or environ.get(name.lower()) or ""


def _authority(parts: SplitResult) -> str:
    """As the proxy names a target."""
    host = (parts.hostname or "").rstrip(".")
    return f"[{host}]:{_port(parts)}" if ":" in host else f"{host}:{_port(parts)}"


def _port(parts: SplitResult) -> int:
    return parts.port or PORTS[parts.scheme]


def _variable(parts: SplitResult) -> Variable:
    secret = unquote(parts.password or parts.username or "")
    return Variable("", f"lucid_secret_{secrets.token_hex(12)}", secret, (parts.hostname or "",), in_body=False)


def _hidden(parts: SplitResult, placeholder: str) -> str:
    place = parts.netloc.rpartition("@")[2]
    user = f"{parts.username}:{placeholder}" if parts.password else placeholder
    return parts._replace(netloc=f"{user}@{place}").geturl()
