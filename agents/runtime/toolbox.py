"""Assembles what one session's model may call, and runs the calls in the session's sandbox."""

from dataclasses import dataclass
from typing import Any

from agents.exceptions import DomainError
from agents.models import Session, SessionResource
from agents.plugs import resource_kinds, sandbox
from agents.runtime.tools.builtin import tool_definitions
from agents.sandbox.base import Mount, ToolOutcome

TOOLSET = "agent_toolset_20260401"
ALWAYS_ALLOW = "always_allow"


@dataclass(frozen=True, slots=True, kw_only=True)
class Permission:
    """What the platform says to a call before it runs: the wire members `evaluated_permission` and `evaluation`."""

    is_allowed: bool
    wire: dict[str, Any]


class Toolbox:
    """The tools of one session; a fresh one for every lease, so that mounts are brought up to date once per turn."""

    def __init__(self, session: Session, agent: dict[str, Any]) -> None:
        self.session = session
        self._toolset = next((tool for tool in agent["tools"] if tool["type"] == TOOLSET), None)
        self.definitions: list[dict[str, Any]] = tool_definitions(self._toolset) if self._toolset else []
        self._names = {definition["name"] for definition in self.definitions}
        self._resources = self._group(list(session.resources.all()))
        self._mounts: list[Mount] = [
            mount for kind, resources in self._resources.items() for mount in resource_kinds()[kind].mounts(resources)
        ]
        self._is_fresh = True

    @staticmethod
    def _group(resources: list[SessionResource]) -> dict[str, list[SessionResource]]:
        groups: dict[str, list[SessionResource]] = {}
        for resource in resources:
            groups.setdefault(resource.kind, []).append(resource)
        return groups

    @property
    def notes(self) -> list[str]:
        """What the system prompt says of the session's resources."""
        return [resource_kinds()[kind].prompt(resources) for kind, resources in self._resources.items()]

    def permission(self, name: str) -> Permission:
        if name not in self._names:
            return Permission(is_allowed=False, wire={"evaluated_permission": "deny"})
        return Permission(
            is_allowed=True,
            wire={"evaluated_permission": "allow", "evaluation": {"type": ALWAYS_ALLOW}},
        )

    def run(self, name: str, arguments: dict[str, Any]) -> ToolOutcome:
        """Run one allowed call. What goes wrong with the sandbox is the call's error, never the session's."""
        if name not in self._names:
            return _failed(f"The tool {name} does not exist.")
        try:
            self._refresh()
            outcome: ToolOutcome = sandbox().run_tool(self.session.pk, name, arguments, mounts=self._mounts)
        except DomainError as error:
            return _failed(str(error))
        return outcome

    def collect(self) -> list[str]:
        """Keep what the tools wrote into mounted resources; sentences for the agent about what could not be kept."""
        problems: list[str] = []
        for kind, resources in self._resources.items():
            try:
                problems += resource_kinds()[kind].after_tools(resources, sandbox())
            except DomainError as error:
                problems.append(f"Changes under the mounts of {kind} were not saved: {error}")
        return problems

    def _refresh(self) -> None:
        if self._is_fresh:
            for kind, resources in self._resources.items():
                resource_kinds()[kind].before_turn(resources, sandbox())
            self._is_fresh = False


def _failed(message: str) -> ToolOutcome:
    return ToolOutcome(content=[{"type": "text", "text": message}], is_error=True)
