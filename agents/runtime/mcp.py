"""MCP servers of an agent: nothing here connects to them, so every turn goes on without them and its log says so."""

from collections.abc import Iterable, Mapping
from typing import Any

from agents.eventlog.append import NewEvent
from agents.eventlog.wire import Logged

FAILED = "mcp_connection_failed_error"


def report_missing(agent: Mapping[str, Any], turn: Iterable[Logged]) -> list[NewEvent]:
    """One error for each server whose tools the agent would have, unless this turn reported it already."""
    told = {
        event.payload["error"]["mcp_server_name"]
        for event in turn
        if event.type == "session.error" and event.payload["error"]["type"] == FAILED
    }
    servers = [server["name"] for server in agent.get("mcp_servers") or []]
    return [NewEvent(type="session.error", payload={"error": _error(name)}) for name in servers if name not in told]


def _error(name: str) -> dict[str, Any]:
    message = f"This installation cannot reach MCP servers yet; the session goes on without the tools of {name!r}."
    return {"type": FAILED, "message": message, "mcp_server_name": name, "retry_status": {"type": "retrying"}}
