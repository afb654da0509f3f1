"""Conversations with MCP servers: the official client, on one event loop of this process, for turns in threads.

A turn opens a connection to each server that its agent has, keeps it while it runs and closes it. Whoever waits for an
answer waits on a `Future`, so that an interrupt is seen; nothing here holds a database connection meanwhile.
"""

import asyncio
import os
import threading
from collections.abc import AsyncGenerator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx2

from agents import limits
from agents.outbound import PinnedTransport
from agents.services.mcp_tokens import McpToken
from agents.storable import storable

if TYPE_CHECKING:
    from mcp import Client
    from mcp.client.session import ClientSession

DENIED = (401, 403)
NOT_FOUND = 404
CONNECT_SECONDS = 5.0
WRITE_SECONDS = 30.0
STREAMS_MAX = 50  # of one connection; a stream that is lost every minute of an hour's turn is no use
THREADS = 64  # of the loop, for look-ups of host names and for tokens
SAID_MAX_CHARS = 2_000


class McpFailure(Exception):
    """The server could not be spoken to; `is_denied` when it refused the credential, or the lack of one, `is_unheard`
    when it has forgotten the conversation, so that what was asked was not done."""

    def __init__(self, reason: str, *, is_denied: bool = False, is_unheard: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.is_denied = is_denied
        self.is_unheard = is_unheard


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A tool as its server lists it, nothing checked."""

    name: str
    description: str | None
    schema: Any


class Connection:
    """One server's conversation for one turn, in a task of the loop that lives until `close`."""

    def __init__(self, url: str, token: McpToken | None, *, allow_private: bool) -> None:
        self._url, self._token, self._allow_private = url, token, allow_private
        self._transport: PinnedTransport | None = None
        self._session: ClientSession | None = None
        self._calls: set[asyncio.Task[Any]] = set()
        self._life: asyncio.Task[Any] | None = None
        self.opened: Future[list[Listed]] = Future()
        self._task = asyncio.run_coroutine_threadsafe(self._live(), _loop())

    @property
    def is_open(self) -> bool:
        return self._session is not None

    def call(self, name: str, arguments: dict[str, Any]) -> Future[dict[str, Any]]:
        """Ask for a tool's run; the JSON of its result. Raises `McpFailure`."""
        return asyncio.run_coroutine_threadsafe(self._call(name, arguments), _loop())

    def close(self) -> None:
        """Say goodbye in the background; also ends an opening that takes too long."""
        _loop().call_soon_threadsafe(self._end)

    def _end(self) -> None:
        if self._life is None:
            self._task.cancel()
            return
        self._life.cancel()
        # The first ends the conversation politely, which is a request of its own: a server may let that hang.
        asyncio.get_running_loop().call_later(limits.MCP_CLOSE_SECONDS, self._life.cancel)

    async def _live(self) -> None:
        self._life = asyncio.current_task()
        try:
            await self._converse()
        except asyncio.CancelledError:
            self._fail(McpFailure("The connection was closed."))
        except BaseException as error:
            self._fail(self._failure(error))
        finally:
            self._session = None
            for task in list(self._calls):
                task.cancel()

    def _fail(self, failure: McpFailure) -> None:
        if not self.opened.done():
            self.opened.set_exception(failure)

    async def _converse(self) -> None:
        from mcp import Client
        from mcp.client.sse import sse_client
        from mcp.client.streamable_http import streamable_http_client

        most = limits.MCP_ANSWER_MAX_BYTES
        try:
            async with self._http() as http:
                streams = streamable_http_client(self._url, http_client=http, max_sse_event_size=most)
                await self._serve(Client(streams, **_options("auto")))
        except Exception as error:
            if self.opened.done() or not self._wants_older_transport(error):
                raise
            await self._serve(Client(sse_client(self._url, httpx_client_factory=self._http), **_options("legacy")))

    def _wants_older_transport(self, error: Exception) -> bool:
        """Servers of the time before streamable HTTP refuse its first request with one of the 400s."""
        status = self._transport.status if self._transport else 0
        return 400 <= status < 500 and not self._failure(error).is_denied

    def _http(self, headers: Any = None, timeout: Any = None, auth: Any = None) -> httpx2.AsyncClient:
        """A client that goes to this server alone, by the rules of `agents.outbound`, whatever a transport asks for."""
        host = urlsplit(self._url).hostname or ""
        most = limits.MCP_ANSWER_MAX_BYTES
        self._transport = _Transport(host, most=most, allow_private=self._allow_private)
        return httpx2.AsyncClient(
            transport=self._transport,
            auth=_Bearer(self._token) if self._token else None,
            timeout=httpx2.Timeout(WRITE_SECONDS, connect=CONNECT_SECONDS, read=None),
            trust_env=False,
        )

    async def _serve(self, opening: "Client") -> None:
        async with opening as client:
            listed = await _listed(client.session)
            self._session = client.session
            if not self.opened.done():
                self.opened.set_result(listed)
            await asyncio.get_running_loop().create_future()  # until `close` cancels it, or the connection breaks

    async def _call(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        task = asyncio.current_task()
        assert task is not None
        self._calls.add(task)
        try:
            async with asyncio.timeout(limits.MCP_CALL_SECONDS):
                return await self._asked(name, arguments)
        except TimeoutError:
            raise McpFailure(f"It did not answer within {limits.MCP_CALL_SECONDS:g} seconds.") from None
        except asyncio.CancelledError:
            raise McpFailure("The connection broke; whether the call ran is unknown.") from None
        except Exception as error:
            failure = self._failure(error)
            if failure.is_unheard:
                self._session = None
            raise failure from None
        finally:
            self._calls.discard(task)

    async def _asked(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        import mcp_types as types

        if self._session is None:
            raise McpFailure("The connection broke before the call was made.")
        if self._transport:
            self._transport.problem, self._transport.status = "", 0
        request = types.CallToolRequest(params=types.CallToolRequestParams(name=name, arguments=arguments))
        # Not `call_tool`: that checks the result against the schema that the server itself wrote, and a pattern in
        # there can keep this loop, which every turn shares, busy for ever.
        result = await self._session.send_request(request, types.CallToolResult)
        answer: dict[str, Any] = result.model_dump(mode="json", by_alias=True, exclude_none=True)
        return answer

    def _failure(self, error: BaseException) -> McpFailure:
        """What went wrong in words that hold nothing of the request; the first cause within groups."""
        causes = list(_leaves(error))
        told = next((cause for cause in causes if isinstance(cause, McpFailure)), None)
        if told:
            return told
        transport = self._transport
        if transport and transport.status in DENIED:
            return McpFailure(_denial(transport.status, has_token=self._token is not None), is_denied=True)
        is_unheard = transport is not None and transport.status == NOT_FOUND  # the protocol's word for a lost session
        if said := _said(causes[0]):
            return McpFailure(f"It answered with an error: {said}", is_unheard=is_unheard)
        if transport and transport.problem:
            return McpFailure(transport.problem)
        if transport and transport.status >= 300:
            return McpFailure(f"It answered with the HTTP status {transport.status}.")
        return McpFailure("It answered something that is not of the protocol.")


class _Transport(PinnedTransport):
    """A server may ask for its event stream to be opened again at once, every time; the client would do so for ever."""

    _streams = 0

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self._streams += request.method == "GET"
        if self._streams > STREAMS_MAX:
            raise httpx2.ConnectError("The event stream was opened too often.", request=request)
        return await super().handle_async_request(request)


class _Bearer(httpx2.Auth):
    """Signs each request with the credential's token, and once more with a fresh one where the server says 401."""

    def __init__(self, token: McpToken) -> None:
        self._token = token

    async def async_auth_flow(self, request: httpx2.Request) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        value = await asyncio.to_thread(self._token.current)
        if value:
            request.headers["authorization"] = f"Bearer {value}"
        response = yield request
        if response.status_code == 401 and value:
            fresh = await asyncio.to_thread(self._token.after_refusal, value)
            if fresh:
                request.headers["authorization"] = f"Bearer {fresh}"
                yield request


async def _listed(session: "ClientSession") -> list[Listed]:
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


def _options(mode: str) -> dict[str, Any]:
    from mcp_types import Implementation

    return {"mode": mode, "cache": None, "client_info": Implementation(name="lucid", version="0.1")}


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


# The loop


_lock = threading.Lock()
_running: asyncio.AbstractEventLoop | None = None


def _loop() -> asyncio.AbstractEventLoop:
    """This process's loop for MCP, in a thread of its own from the first use on."""
    global _running
    with _lock:
        if _running is None:
            _running = asyncio.new_event_loop()
            _running.set_default_executor(ThreadPoolExecutor(THREADS, thread_name_prefix="mcp-work"))
            threading.Thread(target=_running.run_forever, name="mcp", daemon=True).start()
        return _running


def _forget() -> None:
    """A forked child has the loop but not its thread."""
    global _running, _lock
    _running, _lock = None, threading.Lock()


os.register_at_fork(after_in_child=_forget)
