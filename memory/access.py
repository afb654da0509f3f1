"""Lookups of memory inside one workspace: a foreign id is a missing one."""

from agents.access import Scoped, access_row
from agents.exceptions import NotFound
from memory.models import Memory, MemoryStore, MemoryVersion


def access_store(scoped: Scoped, store_id: str) -> MemoryStore:
    return access_row(MemoryStore, scoped, store_id, "Memory store")


def access_memory(store: MemoryStore, memory_id: str) -> Memory:
    memory = Memory.objects.filter(store=store, pk=memory_id).select_related("store").first()
    if memory is None:
        raise NotFound(f"Memory {memory_id!r} was not found.")
    return memory


def access_version(store: MemoryStore, version_id: str) -> MemoryVersion:
    version = MemoryVersion.objects.filter(store=store, pk=version_id).first()
    if version is None:
        raise NotFound(f"Memory version {version_id!r} was not found.")
    return version
