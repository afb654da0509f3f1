"""Stores, memories and versions as the wire shows them."""

from typing import Any

from agents.actors import actor_shape
from agents.eventlog.wire import timestamp
from memory.models import Memory, MemoryStore, MemoryVersion


def store_shape(store: MemoryStore) -> dict[str, Any]:
    return {
        "id": store.pk,
        "type": "memory_store",
        "name": store.name,
        "description": store.description,
        "metadata": store.metadata,
        "created_at": timestamp(store.created_at),
        "updated_at": timestamp(store.updated_at),
        "archived_at": timestamp(store.archived_at),
    }


def memory_shape(memory: Memory, *, full: bool) -> dict[str, Any]:
    return {
        "id": memory.pk,
        "type": "memory",
        "memory_store_id": memory.store_id,
        "memory_version_id": memory.head_version_id,
        "path": memory.path,
        "content": memory.content if full else None,
        "content_sha256": memory.content_sha256,
        "content_size_bytes": memory.content_size_bytes,
        "created_at": timestamp(memory.created_at),
        "updated_at": timestamp(memory.updated_at),
    }


def prefix_shape(path: str) -> dict[str, Any]:
    return {"type": "memory_prefix", "path": path}


def version_shape(version: MemoryVersion, *, full: bool) -> dict[str, Any]:
    return {
        "id": version.pk,
        "type": "memory_version",
        "memory_id": version.memory_id,
        "memory_store_id": version.store_id,
        "operation": version.operation,
        "path": version.path,
        "content": version.content if full else None,
        "content_sha256": version.content_sha256,
        "content_size_bytes": version.content_size_bytes,
        "created_by": actor_shape(version.actor_type, version.actor_id),
        "redacted_at": timestamp(version.redacted_at),
        "redacted_by": actor_shape(version.redacted_by_type, version.redacted_by_id),
        "created_at": timestamp(version.created_at),
    }
