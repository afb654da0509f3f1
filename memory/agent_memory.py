"""The extension field `memory` of agents: stores that every session of the agent mounts by default.

`agents.plugs.AgentExtension` says when each function is called.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Required, TypedDict

from agents.actors import Actor
from agents.exceptions import InvalidRequest
from agents.limits import SESSION_MEMORY_STORES_MAX
from agents.models import Agent, Workspace
from memory.access import access_store
from memory.forms import AgentMemoryForm
from memory.limits import STORE_NAME_MAX
from memory.models import MemoryStore
from memory.services import create_store

KIND = "memory_store"
SUFFIX = " memory"


class AgentMemoryParams(TypedDict, total=False):
    """Memory that belongs to the agent; without `stores`, a working store of its own is made."""

    enabled: Required[bool]
    scope: Literal["agent"]
    stores: list[str] | None


PARAMS = AgentMemoryParams


def apply(
    agent: Agent, wanted: dict[str, Any] | None, kept: dict[str, Any] | None, *, actor: Actor
) -> dict[str, Any] | None:
    """Null takes the setting away and leaves the stores; an omitted list stays, an empty one means the agent's own."""
    if wanted is None:
        return None
    before = kept or {"stores": [], "own_store": None}
    own = before["own_store"]
    stores = _checked(wanted["stores"] or [], actor) if "stores" in wanted else before["stores"]
    if wanted["enabled"] and not stores:
        own = own if _usable(agent, [own]) else _own_store(agent)
        stores = [own]
    return {"enabled": wanted["enabled"], "stores": stores, "own_store": own}


def shape(agent: Agent, kept: Mapping[str, Any]) -> dict[str, Any]:
    return {"enabled": kept["enabled"], "scope": "agent", "stores": kept["stores"]}


def resources(agent: Agent, kept: Mapping[str, Any], named: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A store that was archived or deleted since, or holds what nobody has reviewed, is left out: sessions go on
    without it. One that the caller names, perhaps read-only, is the caller's."""
    if not kept["enabled"]:
        return []
    taken = {entry.get("memory_store_id") for entry in named}
    usable = _usable(agent, kept["stores"])
    return [{"type": KIND, "memory_store_id": pk} for pk in kept["stores"] if pk in usable and pk not in taken]


def form(workspace: Workspace, kept: dict[str, Any] | None, data: Any = None) -> AgentMemoryForm:
    """The part of an agent's page that sets it."""
    return AgentMemoryForm(data, workspace=workspace, kept=kept)


def _checked(store_ids: list[str], actor: Actor) -> list[str]:
    if len(store_ids) > SESSION_MEMORY_STORES_MAX:
        raise InvalidRequest(f"memory.stores: at most {SESSION_MEMORY_STORES_MAX} stores can be mounted.")
    if len(set(store_ids)) < len(store_ids):
        raise InvalidRequest("memory.stores: each store may be named once.")
    for index, store_id in enumerate(store_ids):
        if access_store(actor, store_id).is_archived:
            raise InvalidRequest(f"memory.stores.{index}: the memory store {store_id} is archived.")
    return store_ids


def _usable(agent: Agent, store_ids: Sequence[str | None]) -> set[str]:
    stores = MemoryStore.objects.in_workspace(agent.workspace).live().filter(pk__in=store_ids)
    if not agent.workspace.allows_unreviewed_stores:
        stores = stores.filter(unreviewed_review_id=None)
    return set(stores.values_list("pk", flat=True))


def _own_store(agent: Agent) -> str:
    name = "".join(character for character in agent.name if character.isprintable())
    store = create_store(
        agent.workspace,
        name=f"{name[: STORE_NAME_MAX - len(SUFFIX)]}{SUFFIX}",
        description="What this agent keeps from one session for the next.",
    )
    return str(store.pk)
