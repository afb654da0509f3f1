"""Extension fields of agents: what the apps to the left keep beside a definition, under the agent's lock.

Beside and not inside, because they say how the platform treats the agent whatever version a session runs: a session
pinned to an old version mounts what the agent mounts today, and switching dreaming on makes no new prompt.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from agents.actors import Actor
from agents.models import Agent
from agents.plugs import agent_extensions


def parted(body: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The members of the definition, and those of extensions."""
    known = agent_extensions()
    definition = {name: value for name, value in body.items() if name not in known}
    return definition, {name: value for name, value in body.items() if name in known}


def apply_extensions(agent: Agent, sent: Mapping[str, Any], *, actor: Actor) -> dict[str, Any]:
    """What the agent keeps after this request, inside the caller's transaction; what is not sent stays. In the order of
    the settings, and each finds on the agent what those before it keep by now."""
    before, kept = agent.extensions, dict(agent.extensions)
    try:
        for name in (name for name in agent_extensions() if name in sent):
            agent.extensions = kept
            result = agent_extensions()[name].apply(agent, sent[name], kept.get(name), actor=actor)
            kept = {other: value for other, value in {**kept, name: result}.items() if value is not None}
    finally:
        agent.extensions = before
    return kept


def archive_extensions(agent: Agent, *, actor: Actor) -> None:
    """Tell every part that has something to do when an agent is archived."""
    for module in agent_extensions().values():
        if hasattr(module, "archived"):
            module.archived(agent, actor=actor)


def shown_extensions(agent: Any) -> dict[str, Any]:
    """The members that the wire shows of an agent, or of what a list read of one: only those that were set, by parts
    that are still installed."""
    known = agent_extensions()
    return {name: known[name].shape(agent, kept) for name, kept in agent.extensions.items() if name in known}


def default_resources(agent: Agent, named: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What a session of the agent gets besides the resources that its caller named."""
    known = agent_extensions()
    return [
        entry
        for name, kept in agent.extensions.items()
        if name in known
        for entry in known[name].resources(agent, kept, named)
    ]
