"""PURE: an environment's `config` as a request states it -> the resolved one that is stored and shown."""

from collections.abc import Mapping
from typing import Any

from agents.exceptions import InvalidRequest

MANAGERS = ("apt", "cargo", "gem", "go", "npm", "pip")


def resolve_config(config: Mapping[str, Any] | None) -> dict[str, Any]:
    config = config or {"type": "cloud"}
    if config["type"] == "self_hosted":
        raise InvalidRequest("config.type: self_hosted is not supported by this version of Lucid yet.")
    networking = _networking(config.get("networking") or {"type": "unrestricted"})
    given = config.get("packages") or {}
    packages = {manager: list(given.get(manager) or []) for manager in MANAGERS}
    if any(packages.values()) and networking["type"] == "limited" and not networking["allow_package_managers"]:
        raise InvalidRequest("config.packages: limited networking needs allow_package_managers: true for packages.")
    return {"type": "cloud", "networking": networking, "packages": {"type": "packages", **packages}}


def merge_config(stored: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """What an update leaves: what is left out or null stays, down to the single host list and package manager."""
    if changes["type"] != stored["type"]:
        raise InvalidRequest(
            f"config.type: an environment of the type {stored['type']} stays one.", code="invalid_config_type_change"
        )
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
        "allowed_hosts": list(networking.get("allowed_hosts") or []),
        "allow_mcp_servers": bool(networking.get("allow_mcp_servers")),
        "allow_package_managers": bool(networking.get("allow_package_managers")),
    }
