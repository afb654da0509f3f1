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


def _networking(networking: Mapping[str, Any]) -> dict[str, Any]:
    if networking["type"] == "unrestricted":
        return {"type": "unrestricted"}
    return {
        "type": "limited",
        "allowed_hosts": list(networking.get("allowed_hosts") or []),
        "allow_mcp_servers": bool(networking.get("allow_mcp_servers")),
        "allow_package_managers": bool(networking.get("allow_package_managers")),
    }
