"""The tool calls of a turn: carried out one after the other, denied by a client, or cut short."""

from contextlib import suppress

from agents.eventlog.append import NewEvent
from agents.eventlog.fold import SEARCHES
from agents.eventlog.wire import PRIVATE, Logged
from agents.runtime import rests
from agents.runtime.model_requests import with_next_request
from agents.runtime.servers import server_errors
from agents.runtime.tools.mcp import McpStopped
from agents.runtime.turn import Turn, stopping
from agents.runtime.turn_events import denied, interrupted, result, text
from agents.sandbox.base import SandboxStopped

type Calls = tuple[Logged, ...]


def run_tools(turn: Turn, calls: Calls) -> None:
    """Carry out these calls in order; an interrupt ends that, and what was done by then is kept."""
    results: list[NewEvent] = []
    mine = calls
    turn.toolbox.results = turn.log.conversation.files
    with suppress(SandboxStopped, McpStopped):
        for call in calls:
            if results and stopping.is_set():
                mine = calls[: len(results)]  # the others are for whoever takes over
                break
            if turn.should_stop():  # a call that nobody wants any more is not begun
                break
            results.append(_run_tool(turn, call))  # what is done stays when the next one is stopped
    if any(call.type == "agent.tool_use" for call in calls):
        _log_errors(turn)
        problems = turn.toolbox.collect()
        if problems and results:
            results[-1].payload["content"] = [*results[-1].payload["content"], *text("\n".join(problems))]
    errors = server_errors(turn)
    if len(results) < len(mine) or turn.is_interrupted():
        rests.interrupt(turn, [*errors, *results])
    elif len(mine) < len(calls):
        turn.commit([*errors, *results])
    elif turn.position.blocked:
        rests.await_client(turn, [*errors, *results])
    else:
        turn.commit(with_next_request(turn, [*errors, *results]))


def report_denied(turn: Turn, calls: Calls) -> None:
    """A client said no; the agent is told."""
    decided = turn.position.decided
    turn.commit([denied(call, decided[call.event_id], turn.elsewhere) for call in calls])


def report_interrupted(turn: Turn, calls: Calls) -> None:
    """A worker was lost with them: nobody knows whether they ran."""
    turn.toolbox.collect()  # what the lost worker's tools wrote is the agent's all the same
    turn.commit([interrupted(call, turn.elsewhere) for call in calls])


def _run_tool(turn: Turn, call: Logged) -> NewEvent:
    name, given = call.payload["name"], call.payload["input"]
    if call.type == "agent.mcp_tool_use":
        server = call.payload["mcp_server_name"]
        outcome = turn.toolbox.servers.run(server, name, given, stop=turn.should_stop)
    else:
        outcome = turn.toolbox.run(name, given, stop=turn.should_stop)
    file = given["file_path"] if (call.type, name, outcome.is_error) == ("agent.tool_use", "read", False) else ""
    content = turn.toolbox.bounded(call.event_id, outcome, file=file)
    told = result(call, content, is_error=outcome.is_error)
    if call.type == "agent.tool_use" and name in SEARCHES:
        told.payload[PRIVATE] = {"ran": name}
    return told


def _log_errors(turn: Turn) -> None:
    """What could not be made ready for the tools; the session goes on without it."""
    errors, turn.toolbox.errors = turn.toolbox.errors, []
    if errors:
        turn.commit([NewEvent(type="session.error", payload={"error": told}) for told in errors])
