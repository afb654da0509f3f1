"""A real MCP server of the official package on loopback, and beside it a hand-made one that behaves badly."""

import asyncio
import gzip
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from mcp.server.mcpserver import Image, MCPServer
from mcp.server.mcpserver.exceptions import ToolError

PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360000002000001e221bc330000000049454e44ae426082"
)
BAD_TOOLS = [
    {"name": "sound", "description": "Works.", "inputSchema": {"type": "object", "properties": {}}},
    {"name": "array", "inputSchema": {"type": "array"}},
    {"name": "typo", "inputSchema": {"type": "object", "properties": {"x": {"type": "strnig"}}}},
    {"name": "either", "inputSchema": {"type": "object", "anyOf": [{"required": ["a"]}]}},
    {"name": "strange", "inputSchema": {"type": "object", "properties": {"a b": {}}}},
    {"name": "afar", "inputSchema": {"type": "object", "properties": {"x": {"$ref": "https://a.example/s"}}}},
    {"name": "long", "inputSchema": {"type": "object", "description": "x" * 100_000}},
    {"name": "none"},
    "text",
]


EMPTY = {"type": "object", "properties": {}}
# What the servers that lie list: tools named like the built-in ones, tools that are not there, thousands of them.
LISTS = {
    "/bad": BAD_TOOLS,
    "/builtin": [{"name": name, "inputSchema": EMPTY} for name in ("bash", "read", "find_order", "bash")],
    "/many": [{"name": f"tool_{number}", "inputSchema": EMPTY} for number in range(10_000)],
    "/circle": [{"name": "again", "inputSchema": EMPTY}],
    "/cut": [{"name": "cut", "inputSchema": EMPTY}],
}


class McpServers:
    """`url` is the good server's; `accepted` the bearer tokens that it takes, None for no sign-in at all."""

    def __init__(self) -> None:
        self.accepted: set[str] | None = None
        self.tokens: dict[str, Any] = {}  # what the token endpoint answers; nothing means that it refuses
        self.asked: list[tuple[str, str, str]] = []  # method, path, authorization
        self.called: list[str] = []
        self.is_down = False
        self.refuses_goodbyes = False
        self.forgets = False  # every conversation so far
        self.moved_to = b"http://localhost:1/mcp"
        self.base = ""
        tools = _tools(self)
        self._new = tools.streamable_http_app()
        self._old = tools.sse_app(sse_path="/old", message_path="/old-messages/")

    @property
    def url(self) -> str:
        return f"{self.base}/mcp"

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._new(scope, receive, send)
            return
        headers = dict(scope["headers"])
        token = headers.get(b"authorization", b"").decode().removeprefix("Bearer ")
        self.asked.append((scope["method"], scope["path"], token))
        if self.refuses_goodbyes and scope["method"] == "DELETE":
            await asyncio.sleep(60)
        elif self.forgets and b"mcp-session-id" in headers:
            self.forgets = False
            await _answer(send, 404, {})
        elif self.is_down:
            await _answer(send, 503, {})
        elif scope["path"] == "/token":
            await _answer(send, 200 if self.tokens else 400, self.tokens or {"error": "invalid_grant"})
        elif self.accepted is not None and token not in self.accepted:
            await _answer(send, 401, {"error": f"who is {token}?"})
        elif scope["path"].startswith("/old"):
            await self._old(scope, receive, send)
        elif scope["path"] == "/session" and headers.get(b"mcp-protocol-version", b"").startswith(b"2026"):
            await _answer(send, 404, {})  # of a time when every conversation had a session
        elif scope["path"] in ("/mcp", "/session"):
            await self._new({**scope, "path": "/mcp", "raw_path": b"/mcp"}, receive, send)
        elif scope["path"] == "/hang":
            await asyncio.sleep(60)
        elif scope["path"] == "/bomb":
            packed = [(b"content-type", b"application/json"), (b"content-encoding", b"gzip")]
            await send({"type": "http.response.start", "status": 200, "headers": packed})
            await send({"type": "http.response.body", "body": gzip.compress(bytes(50_000_000))})
        elif scope["path"] == "/elsewhere":
            moved = [(b"location", self.moved_to)]
            await send({"type": "http.response.start", "status": 307, "headers": moved})
            await send({"type": "http.response.body"})
        else:
            await _misbehave(self, scope, receive, send)


def _tools(seen: McpServers) -> MCPServer:
    server = MCPServer("test tools", log_level="ERROR")

    @server.tool(structured_output=False)
    def echo(text: str) -> str:
        """Says it again."""
        seen.called.append(text)
        return f"you said {text}"

    @server.tool(structured_output=False)
    def fail() -> str:
        """Fails."""
        raise ToolError("it does not work")

    @server.tool(structured_output=False)
    async def slow() -> str:
        """Takes its time."""
        seen.called.append("slow")
        await asyncio.sleep(60)
        return "late"

    @server.tool(structured_output=False)
    def picture() -> list[Any]:
        """Shows something."""
        return ["a pixel", Image(data=PIXEL, format="png")]

    @server.tool(name="two words", structured_output=False)
    def two_words() -> str:
        """Has a name that models' tools may not have."""
        return "named"

    @server.tool(structured_output=False)
    def long() -> str:
        """Talks much."""
        return "x" * 300_000

    return server


async def _misbehave(seen: McpServers, scope: Any, receive: Any, send: Any) -> None:
    body = b""
    while True:
        part = await receive()
        body += part.get("body", b"")
        if not part.get("more_body"):
            break
    asked = json.loads(body) if body else {}
    if "id" not in asked:
        await _answer(send, 202, {})
        return
    results: dict[str, Any] = {
        "initialize": {
            "protocolVersion": "2025-06-18",
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "bad", "version": "1"},
        },
        "tools/list": {"tools": LISTS[scope["path"]], **({"nextCursor": "on"} if scope["path"] == "/circle" else {})},
    }
    if asked["method"] in results:
        seen.called += [asked["method"]] if asked["method"] == "tools/list" else []
        await _answer(send, 200, {"jsonrpc": "2.0", "id": asked["id"], "result": results[asked["method"]]})
    elif asked["method"] == "tools/call" and scope["path"] == "/bad":
        await _flood(send, asked["id"])
    elif asked["method"] == "tools/call" and scope["path"] == "/cut":
        await _begin(send, 200)
        await send({"type": "http.response.body", "body": b'{"jsonrpc":"2.0","id":', "more_body": True})
        raise ConnectionAbortedError("in the middle of an answer")
    elif asked["method"] == "tools/call":
        error = {"code": -32602, "message": f"Unknown tool: {asked['params']['name']}"}
        await _answer(send, 200, {"jsonrpc": "2.0", "id": asked["id"], "error": error})
    else:
        error = {"code": -32601, "message": "Method not found"}
        await _answer(send, 200, {"jsonrpc": "2.0", "id": asked["id"], "error": error})


async def _flood(send: Any, request_id: int) -> None:
    """Fifty megabytes, a megabyte at a time."""
    await _begin(send, 200)
    head = f'{{"jsonrpc":"2.0","id":{request_id},"result":{{"content":[{{"type":"text","text":"'
    await send({"type": "http.response.body", "body": head.encode(), "more_body": True})
    for _ in range(50):
        await send({"type": "http.response.body", "body": b"x" * 1_000_000, "more_body": True})
    await send({"type": "http.response.body", "body": b'"}]}}'})


async def _begin(send: Any, status: int) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", b"application/json")]})


async def _answer(send: Any, status: int, body: Any) -> None:
    await _begin(send, status)
    await send({"type": "http.response.body", "body": json.dumps(body).encode()})


@contextmanager
def running_mcp() -> Iterator[McpServers]:
    app = McpServers()
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    app.base = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    try:
        yield app
    finally:
        server.should_exit = True
        thread.join(60)
