"""The tools of an agent's MCP servers for one turn: found out at its start, called where the turn says so.

A server that cannot be reached costs the session its tools, never the turn: it is told as a session error, and tried
again when the session is next set to work.
"""

import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError, Future, wait
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from agents import limits
from agents.actors import platform
from agents.definitions.tools import MCP_TOOLSET
from agents.environment_config import unreachable_host
from agents.leases import rest_connection
from agents.models import Session
from agents.runtime.mcp.connection import Connection
from agents.runtime.mcp.failures import McpFailure
from agents.runtime.mcp.listing import Listed
from agents.runtime.tools.builtin import is_enabled
from agents.runtime.tools.mcp_definitions import BadDefinition, definition_of, model_name
from agents.runtime.tools.mcp_results import blocks_of
from agents.sandbox.base import ToolOutcome
from agents.services.credential_secrets import find_mcp_credential
from agents.services.mcp_tokens import McpToken

LOOK_SECONDS = 0.5  # how often a waiting turn looks whether it was interrupted
logger = logging.getLogger(__name__)


class McpStopped(Exception):
    """The caller's own `stop` ended the wait; a call that ran may have had its effect."""


@dataclass(frozen=True, slots=True, kw_only=True)
class McpTool:
    """`definition` is what the model is offered; None of a tool that is switched off, unsound or out of reach."""

    server: str
    name: str
    definition: dict[str, Any] | None = None

    @property
    def is_offered(self) -> bool:
        return self.definition is not None


class McpServers:
    """What one turn knows of its agent's servers. Every wait asks `stop` now and then and holds no connection."""

    def __init__(self, session_id: str, agent: Mapping[str, Any]) -> None:
        self._session_id = session_id
        self._toolsets = {tool["mcp_server_name"]: tool for tool in agent["tools"] if tool["type"] == MCP_TOOLSET}
        servers = agent.get("mcp_servers") or []
        self._urls = {server["name"]: server["url"] for server in servers if server["name"] in self._toolsets}
        self._connections: dict[str, Connection] = {}
        self._listed: dict[str, list[Listed]] = {}
        self._tools: dict[str, McpTool] = {}
        self.failures: dict[str, McpFailure] = {}

    @property
    def is_ready(self) -> bool:
        """Whether every server was asked for its tools, with whatever success."""
        return all(name in self._listed or name in self.failures for name in self._urls)

    @property
    def definitions(self) -> list[dict[str, Any]]:
        return [tool.definition for tool in self._tools.values() if tool.definition is not None]

    def find(self, name: str) -> McpTool | None:
        """The tool that the model calls so; also one that it knows from earlier turns alone."""
        if tool := self._tools.get(name):
            return tool
        for server in self._urls:
            bare = name.removeprefix(model_name(server, ""))
            if 0 < len(bare) < len(name) and model_name(server, bare) == name:
                return McpTool(server=server, name=bare)
        return None

    def toolset(self, tool: McpTool) -> dict[str, Any]:
        """The agent's entry with the switches and policies of the tool's server."""
        return self._toolsets[tool.server]

    def try_again(self) -> None:
        """A new turn begins: those that failed get another chance."""
        self.failures.clear()

    def connect(self, stop: Callable[[], bool]) -> None:
        """Ask all servers at once for their tools, within one deadline."""
        wanted = [name for name in self._urls if name not in self._listed and name not in self.failures]
        for name in wanted:
            self._open(name)
        until = time.monotonic() + limits.MCP_CONNECT_SECONDS
        for name in wanted:
            if name not in self.failures:
                self._finish_opening(name, until, stop)
        self._offer()

    def run(self, server: str, name: str, arguments: dict[str, Any], *, stop: Callable[[], bool]) -> ToolOutcome:
        """One call. Whatever goes wrong is the call's error; nothing is repeated."""
        if server not in self._urls:
            return _failed(f"The agent has no MCP server {server!r}.")
        try:
            answer = self._answer(server, name, arguments, stop)
        except McpFailure as failure:
            if failure.is_denied:
                self.failures[server] = failure
            return _failed(f"The MCP server {server!r} did not carry out the call. {failure.reason}")
        return ToolOutcome(content=blocks_of(answer), is_error=bool(answer.get("isError")))

    def _answer(self, server: str, name: str, arguments: dict[str, Any], stop: Callable[[], bool]) -> dict[str, Any]:
        """Asked once; asked again only where the server had forgotten the conversation and did nothing."""
        patience = limits.MCP_CALL_SECONDS + 5.0  # the call itself ends before
        try:
            return _wait(self._reopened(server, stop).call(name, arguments), patience, stop)
        except McpFailure as failure:
            if not failure.is_unheard:
                raise
        return _wait(self._reopened(server, stop).call(name, arguments), patience, stop)

    def close(self) -> None:
        for connection in self._connections.values():
            connection.close()
        self._connections.clear()

    def _open(self, name: str) -> None:
        if broken := self._connections.pop(name, None):
            broken.close()
        session = Session.objects.select_related("workspace", "environment").get(pk=self._session_id)
        url = self._urls[name]
        if host := unreachable_host(session.environment.config, [url]):
            self.failures[name] = McpFailure(f"The environment's network does not allow the host {host}.")
            return
        credential = find_mcp_credential(session.workspace, session.vault_ids, url)
        token = McpToken(credential, actor=platform(session.workspace)) if credential else None
        self._connections[name] = Connection(url, token, allow_private=settings.LUCID_ALLOW_PRIVATE_MCP)

    def _finish_opening(self, name: str, until: float, stop: Callable[[], bool]) -> None:
        try:
            self._listed[name] = _wait(self._connections[name].opened, max(0.0, until - time.monotonic()), stop)
        except McpFailure as failure:
            self.failures[name] = failure
            self._connections.pop(name).close()

    def _reopened(self, name: str, stop: Callable[[], bool]) -> Connection:
        """The open connection; one that broke is made anew, once for each call."""
        connection = self._connections.get(name)
        if connection is None or not connection.is_open:
            self.failures.pop(name, None)
            self._open(name)
            if name not in self.failures:
                self._finish_opening(name, time.monotonic() + limits.MCP_CONNECT_SECONDS, stop)
            self._offer()
        if name in self.failures:
            raise self.failures[name]
        return self._connections[name]

    def _offer(self) -> None:
        """What the model gets to see: enabled, sound, and not more than a request can carry."""
        self._tools.clear()
        room, chars = limits.AGENT_TOOLS_MAX, limits.MCP_TOOLS_MAX_CHARS
        for server, listed in self._listed.items():
            for tool in listed:
                name = model_name(server, tool.name)
                if name in self._tools:
                    continue  # a server that names two tools alike means the first
                definition = self._definition(server, tool) if room else None
                chars -= _weight(definition) if definition else 0
                if definition and chars >= 0:
                    self._tools[name] = McpTool(server=server, name=tool.name, definition=definition)
                    room -= 1
                elif tool.name:
                    self._tools[name] = McpTool(server=server, name=tool.name)

    def _definition(self, server: str, tool: Listed) -> dict[str, Any] | None:
        if not is_enabled(self._toolsets[server], tool.name):
            return None
        try:
            return definition_of(server, tool.name, tool.description, tool.schema)
        except BadDefinition as reason:
            logger.warning("%s: the tool %r of %r is left out: %s", self._session_id, tool.name, server, reason)
            return None


def _wait[Result](answer: Future[Result], seconds: float, stop: Callable[[], bool]) -> Result:
    """The answer, `McpFailure` when it does not come in time, `McpStopped` when nobody waits for it any more."""
    rest_connection()
    until = time.monotonic() + seconds
    while not wait([answer], min(LOOK_SECONDS, max(0.0, until - time.monotonic()))).done:
        if stop():
            answer.cancel()
            raise McpStopped
        if time.monotonic() >= until:
            answer.cancel()
            raise McpFailure("It did not answer in time.")
    try:
        return answer.result()
    except CancelledError:
        raise McpFailure("The connection broke.") from None


def _weight(definition: Mapping[str, Any]) -> int:
    return len(str(definition["input_schema"])) + len(definition["description"])


def _failed(message: str) -> ToolOutcome:
    return ToolOutcome(content=[{"type": "text", "text": message}], is_error=True)
