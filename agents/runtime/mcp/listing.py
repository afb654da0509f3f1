"""The tools that an MCP server lists, of every page and within reason, nothing checked."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from agents import limits

if TYPE_CHECKING:
    from mcp.client.session import ClientSession


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A tool as its server lists it, nothing checked."""

    name: str
    description: str | None
    schema: Any


async def list_tools(session: "ClientSession") -> list[Listed]:
    """Every page of the server's tools, within reason."""
    tools: list[Listed] = []
    cursor: str | None = None
    for _ in range(limits.MCP_LIST_PAGES_MAX):
        page, cursor = await _page(session, cursor)
        tools += page
        if not cursor or len(tools) >= limits.AGENT_TOOLS_MAX:
            break
    return tools[: limits.AGENT_TOOLS_MAX]


async def _page(session: "ClientSession", cursor: str | None) -> tuple[list[Listed], str | None]:
    import mcp_types as types
    from pydantic import ValidationError

    params = types.PaginatedRequestParams(cursor=cursor)
    try:
        page = await session.list_tools(params=params)
    except ValidationError:
        return await _salvaged(session, types.ListToolsRequest(params=params))
    return [_kept(tool.name, tool.description, tool.input_schema) for tool in page.tools], page.next_cursor


async def _salvaged(session: "ClientSession", request: Any) -> tuple[list[Listed], str | None]:
    """The tools of a page that the client refuses as a whole because one of them is none: the others are still good.

    The client has no public way to the raw answer.
    """
    data = request.model_dump(by_alias=True, mode="json", exclude_none=True)
    options: Any = {}
    session._stamp(data, options)
    raw = await session._dispatcher.send_raw_request(data["method"], data.get("params"), options)
    given, cursor = raw.get("tools"), raw.get("nextCursor")
    tools = [tool for tool in given if isinstance(tool, dict)] if isinstance(given, list) else []
    listed = [_kept(tool.get("name"), tool.get("description"), tool.get("inputSchema")) for tool in tools]
    return listed, cursor if isinstance(cursor, str) else None


def _kept(name: Any, description: Any, schema: Any) -> Listed:
    """What is worth keeping: a page may have megabytes in one tool, and there are many pages."""
    return Listed(
        name=name if isinstance(name, str) and len(name) <= limits.MCP_TOOL_NAME_MAX else "",
        description=description[: limits.MCP_DESCRIPTION_MAX] if isinstance(description, str) else None,
        schema=schema if len(str(schema)) <= limits.MCP_SCHEMA_MAX_CHARS else None,
    )
