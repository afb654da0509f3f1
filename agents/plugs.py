"""What the kernel gets from the apps to its left: dotted paths in settings, resolved once, loud when wrong."""

from functools import cache
from typing import Any, Protocol

from django.conf import settings
from django.utils.module_loading import import_string

from agents.actors import Actor
from agents.search import SearchProvider


class ResourceKind(Protocol):
    """A kind of session resource; a module with these functions. `resource` is a `SessionResource` row, `sandbox` an
    `agents.sandbox.base.Sandbox`."""

    def validate(self, entry: dict[str, Any], *, actor: Actor) -> tuple[str, dict[str, Any]]:
        """Check one entry of a session's `resources`; return the target's id and what to keep as `config`."""

    def finish(self, configs: list[dict[str, Any]]) -> None:
        """Settle what concerns all resources of this kind in one session together: counts, mount paths."""

    def attached(self, resources: list[Any]) -> None:
        """They are being added to a session, in the transaction that stores them; they may still be changed."""

    def detached(self, resource: Any) -> None:
        """It is being taken away from its session, in the transaction that does so."""

    def shape(self, resource: Any) -> dict[str, Any]:
        """The resource as the wire shows it."""

    def prompt(self, resources: list[Any]) -> str:
        """What the system prompt says of them."""

    def mounts(self, resources: list[Any]) -> list[Any]:
        """The `agents.sandbox.base.Mount` of each."""

    def before_turn(self, resources: list[Any], sandbox: Any) -> list[dict[str, Any]] | None:
        """Bring what is mounted up to date; return the wire's errors for what could not be, if anything."""

    def after_tools(self, resources: list[Any], sandbox: Any) -> list[str]:
        """Keep what tools wrote; return a sentence for everything that could not be kept."""


class AgentExtension(Protocol):
    """A field of agents beyond the wire; a module with these. What `apply` returns is kept beside the agent, outside
    its versions."""

    PARAMS: Any  # a TypedDict: the member as a request may state it

    def apply(
        self, agent: Any, wanted: dict[str, Any] | None, kept: dict[str, Any] | None, *, actor: Actor
    ) -> dict[str, Any] | None:
        """Check what a create or an update sent, null included, and do what it asks for, inside their transaction and
        under the agent's row lock; return what to keep, None for nothing. `kept` is what an earlier call returned."""

    def shape(self, agent: Any, kept: dict[str, Any]) -> dict[str, Any]:
        """The field as the wire shows it."""

    def resources(self, agent: Any, kept: dict[str, Any], named: Any) -> list[dict[str, Any]]:
        """What a new session gets besides the resources that its caller named: entries like the caller's own."""

    def archived(self, agent: Any, *, actor: Actor) -> None:
        """Optional: what follows when the agent is archived, inside that transaction; also for an agent that never had
        the field."""

    def form(self, workspace: Any, kept: dict[str, Any] | None, data: Any = None) -> Any:
        """Optional: its part of the agent's page, a form with a `template` and `wanted()`, which is the member as a
        request would state it, None to leave it alone."""


@cache
def agent_extensions() -> dict[str, Any]:
    """The `AgentExtension` modules by the name of their field."""
    from importlib import import_module

    return {name: import_module(path) for name, path in settings.AGENT_EXTENSIONS.items()}


@cache
def resource_kinds() -> dict[str, Any]:
    """The module behind each `ResourceKind`, by the wire's `type`."""
    from importlib import import_module

    return {kind: import_module(path) for kind, path in settings.SESSION_RESOURCE_KINDS.items()}


@cache
def model_client() -> Any:
    """The class or factory behind `agents.runtime.model.ModelClient`."""
    return import_string(settings.MODEL_CLIENT)()


@cache
def search_provider() -> SearchProvider:
    """Whom the tool `web_search` asks."""
    provider: SearchProvider = import_string(settings.SEARCH_PROVIDER)()
    return provider


@cache
def sandbox() -> Any:
    """This machine's sandbox host."""
    return import_string(settings.SANDBOX_BACKEND)(settings.LUCID_SANDBOX_SOCKET)
