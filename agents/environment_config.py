"""PURE: an environment's `config` as a request states it -> the resolved one that is stored and shown."""

import re
from collections.abc import Iterable, Mapping, Sequence
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from agents.addresses import is_allowed
from agents.exceptions import InvalidRequest
from agents.limits import ENVIRONMENT_HOSTS_MAX, ENVIRONMENT_PACKAGES_MAX, HOST_NAME_MAX, PACKAGE_NAME_MAX
from agents.package_names import EXAMPLES, is_package
from agents.sandbox.base import Packages

SELF_HOSTED = "self_hosted"
# What the workers of a self-hosted environment carry out; the other built-in tools run here wherever the session does.
WORKERS_TOOLS = frozenset({"bash", "read", "write", "edit", "glob", "grep"})
MANAGERS = ("apt", "cargo", "gem", "go", "npm", "pip")
# Where each of them looks by itself, without a mirror being named.
REGISTRIES = {
    "apt": ("deb.debian.org", "security.debian.org", "archive.ubuntu.com", "security.ubuntu.com", "ports.ubuntu.com"),
    "cargo": ("index.crates.io", "static.crates.io", "crates.io"),
    "gem": ("rubygems.org", "index.rubygems.org"),
    "go": ("proxy.golang.org", "sum.golang.org"),
    "npm": ("registry.npmjs.org", "registry.yarnpkg.com"),
    "pip": ("pypi.org", "files.pythonhosted.org"),
}

# A host as people write it in such lists: a name, all names below one, or with https:// in front.
_HOST = re.compile(r"(?:https://)?((?:\*\.)?(?:(?!-)[A-Za-z0-9_-]{1,63}(?<!-)\.)*(?!-)[A-Za-z0-9_-]{1,63}(?<!-))")


def resolve_config(config: Mapping[str, Any] | None) -> dict[str, Any]:
    """The config that is stored, every member filled in; None is a local box with every public host."""
    config = config or {"type": "cloud"}
    if config["type"] == SELF_HOSTED:
        return {"type": SELF_HOSTED}
    networking = _networking(config.get("networking") or {"type": "unrestricted"})
    given = config.get("packages") or {}
    packages = {manager: _packages(given.get(manager) or [], manager) for manager in MANAGERS}
    if any(packages.values()) and networking["type"] == "limited" and not networking["allow_package_managers"]:
        raise InvalidRequest("config.packages: limited networking needs allow_package_managers: true for packages.")
    return {"type": "cloud", "networking": networking, "packages": {"type": "packages", **packages}}


def merge_config(stored: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """What an update leaves: what is left out or null stays, down to the single host list and package manager."""
    if changes["type"] != stored["type"]:
        raise InvalidRequest(
            f"config.type: an environment of the type {stored['type']} stays one.", code="invalid_config_type_change"
        )
    if stored["type"] == SELF_HOSTED:
        return dict(stored)
    before, networking = stored["networking"], changes.get("networking")
    if networking and networking["type"] == before["type"]:
        networking = {**before, **_given(networking)}
    packages = {**stored["packages"], **_given(changes.get("packages") or {})}
    return resolve_config({"type": stored["type"], "networking": networking or before, "packages": packages})


def _given(members: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


def _networking(networking: Mapping[str, Any]) -> dict[str, Any]:
    if networking["type"] == "unrestricted":
        return {"type": "unrestricted"}
    return {
        "type": "limited",
        "allowed_hosts": _hosts(networking.get("allowed_hosts") or []),
        "allow_mcp_servers": bool(networking.get("allow_mcp_servers")),
        "allow_package_managers": bool(networking.get("allow_package_managers")),
    }


def unreachable_host(config: Mapping[str, Any], urls: Iterable[str]) -> str | None:
    """The first host of these MCP servers that the environment's network keeps out of reach."""
    networking = config.get("networking") or {}
    if networking.get("type") != "limited" or networking["allow_mcp_servers"]:
        return None
    hosts = (urlsplit(url).hostname or "" for url in urls)
    return next((host for host in hosts if not is_allowed(host, networking["allowed_hosts"])), None)


def reachable_hosts(config: Mapping[str, Any], mcp_urls: Iterable[str]) -> tuple[str, ...] | None:
    """What commands in a sandbox of this environment may connect to, by name or wildcard; None for any public host."""
    networking = config.get("networking") or {"type": "unrestricted"}
    if networking["type"] == "unrestricted":
        return None
    hosts = [host.lower().removeprefix("https://") for host in networking["allowed_hosts"]]
    if networking["allow_mcp_servers"]:
        hosts += [host for url in mcp_urls if (host := urlsplit(url).hostname)]
    if networking["allow_package_managers"]:
        hosts += [host for registry in REGISTRIES.values() for host in registry]
    return tuple(dict.fromkeys(hosts))


def wanted_packages(config: Mapping[str, Any]) -> Packages | None:
    """What is to be installed for its sandboxes, None for nothing. No secret and no MCP server is for installers."""
    given = config.get("packages") or {}
    names = {manager: tuple(given[manager]) for manager in MANAGERS if given.get(manager)}
    return Packages(names, reachable_hosts(config, ())) if names else None


def _hosts(hosts: Sequence[str]) -> list[str]:
    field = "config.networking.allowed_hosts"
    if len(hosts) > ENVIRONMENT_HOSTS_MAX:
        raise InvalidRequest(f"{field}: at most {ENVIRONMENT_HOSTS_MAX} hosts are allowed.")
    for index, host in enumerate(hosts):
        if len(host) > HOST_NAME_MAX or not (_HOST.fullmatch(host) or _is_address(host)):
            raise InvalidRequest(f"{field}.{index}: {host!r} is no host such as api.example.com or *.example.com.")
    return list(hosts)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _packages(packages: Sequence[str], manager: str) -> list[str]:
    field = f"config.packages.{manager}"
    if len(packages) > ENVIRONMENT_PACKAGES_MAX:
        raise InvalidRequest(f"{field}: at most {ENVIRONMENT_PACKAGES_MAX} packages are allowed.")
    for index, package in enumerate(packages):
        if len(package) > PACKAGE_NAME_MAX or not is_package(package, manager):
            shown = package[:PACKAGE_NAME_MAX]
            raise InvalidRequest(
                f"{field}.{index}: {shown!r} is no package, with or without its version, such as {EXAMPLES[manager]}."
            )
    return list(packages)
