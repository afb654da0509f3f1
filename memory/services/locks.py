"""The row lock of a store: what is read behind it is the whole truth until the commit."""

from django.db.models import F

from agents.actors import Actor
from agents.exceptions import InvalidRequest, NotFound, PermissionDenied
from memory.models import MemoryStore
from memory.tiers import agents_may_write


def hold_store(store_id: str) -> None:
    """Let nobody else write this store until the caller's transaction ends."""
    MemoryStore.objects.filter(pk=store_id).update(tier=F("tier"))


def lock_store(store: MemoryStore) -> MemoryStore:
    """The store as it is behind its lock; `NotFound` where it was deleted meanwhile."""
    hold_store(store.pk)
    locked: MemoryStore | None = MemoryStore.objects.filter(pk=store.pk).select_related("workspace").first()
    if locked is None:
        raise NotFound(f"Memory store {store.pk!r} was not found.")
    return locked


def lock_to_write(store: MemoryStore, actor: Actor) -> MemoryStore:
    """The same, refused where the actor may not write it."""
    locked = lock_store(store)
    check_is_live(locked)
    check_tier_permits(locked, actor)
    return locked


def check_is_live(store: MemoryStore) -> None:
    if store.is_archived:
        raise InvalidRequest(f"The memory store {store.pk} is archived: it can be read, not written.")


def check_tier_permits(store: MemoryStore, actor: Actor) -> None:
    if actor.session_id and not agents_may_write(store.tier):
        raise PermissionDenied(f"Agents may not write the memory store {store.pk}: its tier is {store.tier}.")
