"""Assembles what one session's model may call, and runs the calls in the session's sandbox."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from agents import long_results
from agents.definitions.tools import TOOLSET
from agents.definitions.web import FETCH, SEARCH
from agents.eventlog import statements
from agents.exceptions import DomainError
from agents.limits import BASH_OUTPUT_MAX_BYTES
from agents.models import Event, SessionResource
from agents.plugs import resource_kinds, sandbox
from agents.runtime.packages import have_packages, packages_note
from agents.runtime.permissions import UNCLEAR, Judgement, judge
from agents.runtime.skills import Shelf
from agents.runtime.tools.builtin import tool_definitions
from agents.runtime.tools.mcp import McpServers
from agents.runtime.tools.web import web_fetch
from agents.runtime.tools.web_search import web_search
from agents.runtime.uploads import lay_uploads
from agents.sandbox.base import Mount, Network, Packages, SandboxStopped, SandboxUnavailable, ToolOutcome
from agents.services.networks import network_of_session, unreachable_credentials
from agents.services.outputs import PROMPT as OUTPUTS_PROMPT
from agents.services.outputs import publish_outputs
from agents.services.web_tools import missing_web_tools

ALWAYS_ALLOW = "always_allow"
AUTO = "auto"
WRITING = {"bash", "write"}  # tools with which an agent can hand files out
SHOWN = ("name", "description", "input_schema")  # what the model sees of a custom tool


class Toolbox:
    """The tools of one session; a fresh one for every lease, so that mounts are brought up to date once per turn."""

    def __init__(
        self,
        session_id: str,
        agent: dict[str, Any],
        *,
        is_self_hosted: bool = False,
        packages: Packages | None = None,
    ) -> None:
        self.session_id = session_id
        self.is_self_hosted = is_self_hosted
        self._toolset = next((tool for tool in agent["tools"] if tool["type"] == TOOLSET), None)
        missing = missing_web_tools()
        built_in = tool_definitions(self._toolset) if self._toolset else []
        built_in = [definition for definition in built_in if definition["name"] not in missing]
        custom = [tool for tool in agent["tools"] if tool["type"] == "custom"]
        self._names = {definition["name"] for definition in built_in}
        self._custom = {tool["name"] for tool in custom}
        self._own: list[dict[str, Any]] = [*built_in, *({key: tool[key] for key in SHOWN} for tool in custom)]
        self.servers = McpServers(session_id, agent)
        self._resources = self._group(statements.resources_of.all(session_id))
        self._mounts: list[Mount] = [
            mount for kind, resources in self._resources.items() for mount in resource_kinds()[kind].mounts(resources)
        ]
        self._skills = Shelf(session_id, agent)
        self._problems: list[str] = []  # of making ready, told with the next results
        self._network: Network | None = None
        self._packages = packages
        self._ran: set[str] = set()  # since results were last collected
        self._is_fresh = True
        self.errors: list[dict[str, Any]] = []  # of making ready, as the wire's; whoever logs them takes them away
        self._told: set[str] = set()  # what could not be handed out is said once a turn
        self.results: Mapping[str, str] = {}  # long ones that clients sent: the event, and its file's path
        self._laid: set[str] = set()

    @staticmethod
    def _group(resources: list[SessionResource]) -> dict[str, list[SessionResource]]:
        groups: dict[str, list[SessionResource]] = {}
        for resource in resources:
            groups.setdefault(resource.kind, []).append(resource)
        return groups

    @property
    def definitions(self) -> list[dict[str, Any]]:
        """What the model may call: the agent's own tools, and those of the MCP servers that answer."""
        return [*self._own, *self.servers.definitions]

    @property
    def notes(self) -> list[str]:
        """What the system prompt says of the session's resources."""
        notes = [resource_kinds()[kind].prompt(resources) for kind, resources in self._resources.items()]
        notes.append(self._skills.note)
        if self._packages is not None and "bash" in self._names:
            notes.append(packages_note(self._packages))
        return [*notes, OUTPUTS_PROMPT] if self._names & WRITING and not self.is_self_hosted else notes

    def use(self, name: str, arguments: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        """The type of the event that logs a call which the model makes by this name, and its members but the input."""
        if name in self._custom:
            return "agent.custom_tool_use", {"name": name}
        if tool := self.servers.find(name):
            policy = permission_policy(self.servers.toolset(tool), tool.name, default="always_ask")
            permission = _permission(policy) if tool.is_offered else {"evaluated_permission": "deny"}
            return "agent.mcp_tool_use", {"name": tool.name, "mcp_server_name": tool.server, **permission}
        if name not in self._names or self._toolset is None:
            return "agent.tool_use", {"name": name, "evaluated_permission": "deny"}
        policy = permission_policy(self._toolset, name)
        judgement = self._judge(name, arguments) if policy == AUTO else UNCLEAR
        return "agent.tool_use", {"name": name, **_permission(policy, judgement)}

    def _judge(self, name: str, arguments: dict[str, Any]) -> Judgement:
        writable = [mount.path for mount in self._mounts if mount.access == "read_write"]
        is_web_limited = bool(self._config(name).get("allowed_domains"))
        return judge(name, arguments, writable=writable, is_web_limited=is_web_limited)

    def _config(self, name: str) -> dict[str, Any]:
        """The agent's own settings of a built-in tool."""
        configs: list[dict[str, Any]] = (self._toolset or {}).get("configs") or []
        return next((config for config in configs if config["name"] == name), {})

    def run(self, name: str, arguments: dict[str, Any], *, stop: Callable[[], bool] | None = None) -> ToolOutcome:
        """Run one allowed call. What goes wrong with the sandbox is the call's error, never the session's."""
        if name not in self._names:
            return _failed(f"The tool {name} does not exist.")
        self._ran.add(name)
        try:
            if name == FETCH:
                return web_fetch(self.session_id, arguments, self._config(FETCH), stop=stop)
            if name == SEARCH:
                return web_search(arguments, self._config(SEARCH), stop=stop)
            self._refresh(stop)
            outcome: ToolOutcome = sandbox().run_tool(
                self.session_id,
                name,
                arguments,
                mounts=self._mounts,
                network=self._network,
                packages=self._packages,
                stop=stop,
                output_bytes=BASH_OUTPUT_MAX_BYTES,
            )
        except SandboxStopped:
            raise
        except DomainError as error:
            return _failed(str(error))
        return outcome

    def bounded(self, call_id: str, outcome: ToolOutcome, *, file: str = "") -> list[dict[str, Any]]:
        """What the model gets of a result, whichever tool it came from: all of it, or its ends and the path of a file
        with the whole. `file`: where it was read from. Safe to repeat: a new file bears the call's id, and what is
        there stays."""
        if not long_results.is_long(outcome.content):
            return outcome.content
        if self.is_self_hosted:
            return long_results.shortened(outcome.content, "No file can be laid in a sandbox of the client's own.")
        if not self._names.intersection(long_results.READERS):
            return long_results.shortened(outcome.content, "There is no tool to look into a file with.")
        if file:
            return long_results.previewed(outcome.content, file)
        path = long_results.path_of(call_id)
        try:
            sandbox().keep_result(self.session_id, path, lambda: long_results.whole(outcome.content))
        except DomainError as error:
            return long_results.shortened(outcome.content, f"It could not be kept as a file: {error}")
        return long_results.previewed(outcome.content, path)

    def collect(self) -> list[str]:
        """Keep what the tools wrote into mounted resources; sentences for the agent about what could not be kept."""
        if self.is_self_hosted:
            return []  # the worker keeps what its tools wrote
        ran, self._ran = self._ran, set()
        if ran and ran <= {FETCH, SEARCH}:
            return []  # they touch nothing of the session's
        problems, self._problems = self._problems, []
        for kind, resources in self._resources.items():
            try:
                problems += resource_kinds()[kind].after_tools(resources, sandbox())
            except DomainError as error:
                problems.append(f"Changes under the mounts of {kind} were not saved: {error}")
        new = [problem for problem in publish_outputs(self.session_id, sandbox()) if problem not in self._told]
        self._told.update(new)
        return [*problems, *new]

    def _refresh(self, stop: Callable[[], bool] | None) -> None:
        if self._is_fresh:
            lay_uploads(self.session_id, sandbox())
            for kind, resources in self._resources.items():
                self.errors += resource_kinds()[kind].before_turn(resources, sandbox()) or []
            self._network = network_of_session(self.session_id)
            self.errors += unreachable_credentials(self.session_id, self._network)
            if self._packages is not None:
                self.errors += have_packages(self._packages, sandbox(), stop)
            self._problems = [error["message"] for error in self.errors] + self._skills.place(sandbox())
            self._is_fresh = False
        self._lay_results()

    def _lay_results(self) -> None:
        """What clients sent is in the log, so it can be laid, and laid again, whenever a tool is about to look."""
        for event_id in self.results.keys() - self._laid:
            path = self.results[event_id]
            try:
                sandbox().keep_result(self.session_id, path, partial(_sent, self.session_id, event_id))
            except SandboxUnavailable:
                raise
            except DomainError as error:
                self._problems.append(f"{path} could not be laid: {error}")
            self._laid.add(event_id)


def _sent(session_id: str, event_id: str) -> str:
    event = Event.objects.get(session=session_id, event_id=event_id)
    return long_results.whole(event.payload["content"])


def _failed(message: str) -> ToolOutcome:
    return ToolOutcome(content=[{"type": "text", "text": message}], is_error=True)


def _permission(policy: str, judgement: Judgement = UNCLEAR) -> dict[str, Any]:
    """What the platform says to a call before it runs: the wire members `evaluated_permission` and `evaluation`.

    `judgement`: what `auto` found. What an MCP server says of its own tools is not to be trusted, so those ask."""
    match policy:
        case "always_ask":
            return {"evaluated_permission": "ask", "evaluation": {"type": policy}}
        case "auto":
            evaluation = {"type": policy, "evaluated_permission": judgement.shape}
            return {"evaluated_permission": judgement.type, "evaluation": evaluation}
    return {"evaluated_permission": "allow", "evaluation": {"type": ALWAYS_ALLOW}}


def permission_policy(toolset: dict[str, Any], name: str, default: str = ALWAYS_ALLOW) -> str:
    """The policy of one tool: its own entry's, else the toolset's, else the default."""
    own: dict[str, Any] = next((config for config in toolset.get("configs") or [] if config["name"] == name), {})
    chosen = own.get("permission_policy") or (toolset.get("default_config") or {}).get("permission_policy") or {}
    return str(chosen.get("type", default))
