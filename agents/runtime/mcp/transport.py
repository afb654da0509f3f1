"""How requests reach an MCP server: its address alone, so many event streams and no more, signed with a fresh token."""

import asyncio
from collections.abc import AsyncGenerator

import httpx2

from agents.outbound import PinnedTransport
from agents.services.mcp_tokens import McpToken

STREAMS_MAX = 50  # of one connection; a stream that is lost every minute of an hour's turn is no use


class Transport(PinnedTransport):
    """A server may ask for its event stream to be opened again at once, every time; the client would do so for ever."""

    _streams = 0

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self._streams += request.method == "GET"
        if self._streams > STREAMS_MAX:
            raise httpx2.ConnectError("The event stream was opened too often.", request=request)
        return await super().handle_async_request(request)


class Bearer(httpx2.Auth):
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
