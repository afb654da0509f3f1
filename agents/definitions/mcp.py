"""PURE: the MCP servers of an agent, each used by a toolset of its name."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from agents.definitions.tools import MCP_TOOLSET
from agents.exceptions import InvalidRequest
from agents.limits import AGENT_MCP_SERVERS_MAX, MCP_SERVER_NAME_MAX, URL_MAX


def mcp_servers(servers: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    if len(servers) > AGENT_MCP_SERVERS_MAX:
        raise InvalidRequest(f"mcp_servers: at most {AGENT_MCP_SERVERS_MAX} are allowed.")
    names: set[str] = set()
    for index, server in enumerate(servers):
        field, name = f"mcp_servers.{index}", server["name"]
        if not 1 <= len(name) <= MCP_SERVER_NAME_MAX:
            raise InvalidRequest(f"{field}.name: it must have 1 to {MCP_SERVER_NAME_MAX} characters.")
        if name in names:
            raise InvalidRequest(f"{field}.name: {name!r} appears twice.")
        names.add(name)
        if len(server["url"]) > URL_MAX or host_of(server["url"]) is None:
            raise InvalidRequest(f"{field}.url: it must be an http or https address of at most {URL_MAX:,} characters.")
    return [{"type": "url", "name": server["name"], "url": server["url"]} for server in servers]


def check_servers_are_used(definition: Mapping[str, Any]) -> None:
    """Every toolset names a declared server, and every server has its toolset."""
    declared = {server["name"] for server in definition["mcp_servers"]}
    used = set()
    for index, tool in enumerate(definition["tools"]):
        if tool["type"] == MCP_TOOLSET:
            used.add(tool["mcp_server_name"])
            if tool["mcp_server_name"] not in declared:
                name = tool["mcp_server_name"]
                raise InvalidRequest(f"tools.{index}.mcp_server_name: {name!r} is not among the mcp_servers.")
    for index, server in enumerate(definition["mcp_servers"]):
        if server["name"] not in used:
            raise InvalidRequest(f"mcp_servers.{index}: no mcp_toolset in tools names {server['name']!r}.")


def host_of(url: str) -> str | None:
    """The host that an http address leads to, in lower case; None for anything else."""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  # a wrong port raises only when it is read
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or any(char.isspace() for char in url):
        return None
    return parts.hostname or None
