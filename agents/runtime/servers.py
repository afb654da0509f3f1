"""The MCP servers of a turn's agent: asked for their tools once a turn, and told of in the log when they fail."""

from agents.eventlog.append import NewEvent
from agents.leases import rest_connection
from agents.runtime.mcp.failures import McpFailure
from agents.runtime.turn import Turn
from agents.runtime.turn_events import error


def has_tools(turn: Turn) -> bool:
    """Whether it is known what the model may call; of MCP servers that is found out once a turn."""
    if not turn.thread.agent_snapshot.get("mcp_servers"):
        return True
    return turn.has_toolbox and turn.toolbox.servers.is_ready


def reach_servers(turn: Turn) -> list[NewEvent]:
    """Ask the agent's MCP servers for their tools; the errors of those that the session goes on without."""
    if has_tools(turn):
        return []
    rest_connection()
    turn.toolbox.servers.connect(turn.should_stop)
    return server_errors(turn)


def server_errors(turn: Turn) -> list[NewEvent]:
    """One error for each server that fails, unless it was told since the session was set to work."""
    told = {
        event.payload["error"].get("mcp_server_name")
        for event in turn.log.since_running()
        if event.type == "session.error"
    }
    failures = turn.toolbox.servers.failures.items()
    return [_server_error(name, failure) for name, failure in failures if name not in told]


def _server_error(name: str, failure: McpFailure) -> NewEvent:
    kind = "mcp_authentication_failed_error" if failure.is_denied else "mcp_connection_failed_error"
    message = f"The session goes on without the MCP server {name!r}. {failure.reason}"
    event = error(kind, message, "retrying")
    event.payload["error"]["mcp_server_name"] = name
    return event
