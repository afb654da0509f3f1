"""Why an MCP server could not be spoken to, in words that hold nothing of the request."""

from collections.abc import Iterator

from agents.storable import storable

DENIED = (401, 403)
NOT_FOUND = 404
SAID_MAX_CHARS = 2_000


class McpFailure(Exception):
    """The server could not be spoken to; `is_denied` when it refused the credential, or the lack of one, `is_unheard`
    when it has forgotten the conversation, so that what was asked was not done."""

    def __init__(self, reason: str, *, is_denied: bool = False, is_unheard: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.is_denied = is_denied
        self.is_unheard = is_unheard


def failure_of(error: BaseException, *, status: int, problem: str, has_token: bool) -> McpFailure:
    """The first cause within groups. `status` is the HTTP status of the server's last answer, 0 where there was none;
    `problem` is what the transport itself found wrong, empty where nothing was."""
    causes = list(_leaves(error))
    told = next((cause for cause in causes if isinstance(cause, McpFailure)), None)
    if told:
        return told
    if status in DENIED:
        return McpFailure(_denial(status, has_token=has_token), is_denied=True)
    if said := _said(causes[0]):
        # 404 is the protocol's word for a lost session.
        return McpFailure(f"It answered with an error: {said}", is_unheard=status == NOT_FOUND)
    if problem:
        return McpFailure(problem)
    if status >= 300:
        return McpFailure(f"It answered with the HTTP status {status}.")
    return McpFailure("It answered something that is not of the protocol.")


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error


def _denial(status: int, *, has_token: bool) -> str:
    if status == 401 and not has_token:
        return "It asks for a credential, and no vault of the session has one for its address."
    return f"It refuses the session's credential (HTTP status {status})."


def _said(error: BaseException) -> str:
    """The server's own words; empty where the client had to find some in its place."""
    from mcp import MCPError
    from mcp_types import CONNECTION_CLOSED, INTERNAL_ERROR, PARSE_ERROR, REQUEST_TIMEOUT

    if not isinstance(error, MCPError) or error.error.code in (CONNECTION_CLOSED, PARSE_ERROR, REQUEST_TIMEOUT):
        return ""
    words = str(storable(error.error.message))[:SAID_MAX_CHARS]
    return "" if error.error.code == INTERNAL_ERROR and words == "Server returned an error response" else words
