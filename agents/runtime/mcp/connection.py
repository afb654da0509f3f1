"""One MCP server's conversation for one turn: opened, asked for its tools, called, and closed politely."""

import asyncio
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx2

from agents import limits
from agents.runtime.mcp.event_loop import mcp_loop
from agents.runtime.mcp.failures import McpFailure, failure_of
from agents.runtime.mcp.listing import Listed, list_tools
from agents.runtime.mcp.transport import Bearer, Transport
from agents.services.mcp_tokens import McpToken

if TYPE_CHECKING:
    from mcp import Client
    from mcp.client.session import ClientSession

CONNECT_SECONDS = 5.0
WRITE_SECONDS = 30.0


class Connection:
    """One server's conversation for one turn, in a task of the loop that lives until `close`."""

    def __init__(self, url: str, token: McpToken | None, *, allow_private: bool) -> None:
        self._url, self._token, self._allow_private = url, token, allow_private
        self._transport: Transport | None = None
        self._session: ClientSession | None = None
        self._calls: set[asyncio.Task[Any]] = set()
        self._life: asyncio.Task[Any] | None = None
        self.opened: Future[list[Listed]] = Future()
        self._task = asyncio.run_coroutine_threadsafe(self._live(), mcp_loop())

    @property
    def is_open(self) -> bool:
        return self._session is not None

    def call(self, name: str, arguments: dict[str, Any]) -> Future[dict[str, Any]]:
        """Ask for a tool's run; the JSON of its result. Raises `McpFailure`."""
        return asyncio.run_coroutine_threadsafe(self._call(name, arguments), mcp_loop())

    def close(self) -> None:
        """Say goodbye in the background; also ends an opening that takes too long."""
        mcp_loop().call_soon_threadsafe(self._end)

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
        self._transport = Transport(host, most=most, allow_private=self._allow_private)
        return httpx2.AsyncClient(
            transport=self._transport,
            auth=Bearer(self._token) if self._token else None,
            timeout=httpx2.Timeout(WRITE_SECONDS, connect=CONNECT_SECONDS, read=None),
            trust_env=False,
        )

    async def _serve(self, opening: "Client") -> None:
        async with opening as client:
            listed = await list_tools(client.session)
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
        transport = self._transport
        status, problem = (transport.status, transport.problem) if transport else (0, "")
        return failure_of(error, status=status, problem=problem, has_token=self._token is not None)


def _options(mode: str) -> dict[str, Any]:
    from mcp_types import Implementation

    return {"mode": mode, "cache": None, "client_info": Implementation(name="lucid", version="0.1")}
