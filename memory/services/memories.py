"""Verbs of memories: create, update, delete, copy; each leaves exactly one version row for a file."""

import hashlib
from datetime import datetime

from django.db import transaction
from django.db.models.functions import Left
from django.utils import timezone

from agents import audit
from agents.actors import Actor
from agents.exceptions import InvalidRequest, NotFound
from memory.exceptions import PathConflict, PreconditionFailed
from memory.limits import MEMORIES_PER_STORE_MAX
from memory.models import Memory, MemoryStore, MemoryVersion, Operation
from memory.paths import check_content, check_path, folders_of
from memory.provenance import Provenance
from memory.services.locks import check_tier_permits, lock_store, lock_to_write
from memory.services.versions import new_version


@transaction.atomic
def create_memory(
    store: MemoryStore, *, path: str, content: str, actor: Actor, provenance: Provenance | None = None
) -> Memory:
    """A new file of the store; `PathConflict` when the path is taken."""
    check_path(path)
    data = check_content(content)
    store = lock_to_write(store, actor)
    _check_path_is_free(store, path)
    if Memory.objects.filter(store=store).count() >= MEMORIES_PER_STORE_MAX:
        raise InvalidRequest(f"The store holds {MEMORIES_PER_STORE_MAX:,} memories already, the most it can.")
    now = timezone.now()
    memory = Memory(store=store, path=path, created_at=now)
    return _write(memory, content, data, Operation.CREATED, actor, provenance, now)


@transaction.atomic
def update_memory(
    memory: Memory,
    *,
    path: str | None = None,
    content: str | None = None,
    expected_sha256: str | None = None,
    actor: Actor,
    provenance: Provenance | None = None,
) -> Memory:
    """Change content, path or both. With `expected_sha256` only if that is what is stored; a memory that already is as
    requested is a success and no new version, so a repeated call does no harm."""
    if path is not None:
        check_path(path)
    data = None if content is None else check_content(content)
    store = lock_to_write(memory.store, actor)
    memory = _current(memory)
    if path in (None, memory.path) and content in (None, memory.content):
        if path is None and content is None:
            _check_expected(memory, expected_sha256)
        return memory
    _check_expected(memory, expected_sha256)
    if path is not None and path != memory.path:
        _check_path_is_free(store, path, besides=memory)
        memory.path = path
    text = memory.content if content is None else content
    return _write(memory, text, data or text.encode(), Operation.MODIFIED, actor, provenance, timezone.now())


@transaction.atomic
def delete_memory(
    memory: Memory, *, expected_sha256: str | None = None, actor: Actor, provenance: Provenance | None = None
) -> MemoryVersion:
    """Take the file away; its versions stay, and the last one says who deleted it."""
    store = lock_store(memory.store)
    check_tier_permits(store, actor)
    memory = _current(memory)
    _check_expected(memory, expected_sha256)
    version = new_version(memory, Operation.DELETED, actor, provenance, timezone.now(), content=None)
    version.content_sha256 = version.content_size_bytes = None
    version.save(force_insert=True)
    Memory.objects.filter(pk=memory.pk, store=store).delete()
    _note_memory(memory, Operation.DELETED, actor, provenance)
    return version


@transaction.atomic
def copy_memories(source: MemoryStore, target: MemoryStore, *, actor: Actor) -> int:
    """Fill an empty store with what another one holds; returns the number of files."""
    lock_to_write(target, actor)
    now, memories, versions = timezone.now(), [], []
    for original in Memory.objects.filter(store=source).order_by("path"):
        memory = Memory(store=target, path=original.path, content=original.content, created_at=now, updated_at=now)
        memory.content_sha256, memory.content_size_bytes = original.content_sha256, original.content_size_bytes
        version = new_version(memory, Operation.CREATED, actor, None, now, content=memory.content)
        memory.head_version_id = version.pk
        memories.append(memory)
        versions.append(version)
    Memory.objects.bulk_create(memories)
    MemoryVersion.objects.bulk_create(versions)
    return len(memories)


def sha256_of(content: str | bytes) -> str:
    """What a memory's `content_sha256` would be."""
    return hashlib.sha256(content.encode() if isinstance(content, str) else content).hexdigest()


def _current(memory: Memory) -> Memory:
    current = Memory.objects.filter(pk=memory.pk).select_related("store").first()
    if current is None:
        raise NotFound(f"Memory {memory.pk!r} was not found.")
    return current


def _write(
    memory: Memory,
    content: str,
    data: bytes,
    operation: Operation,
    actor: Actor,
    provenance: Provenance | None,
    now: datetime,
) -> Memory:
    memory.content, memory.content_sha256, memory.content_size_bytes = content, sha256_of(data), len(data)
    memory.updated_at = now
    version = new_version(memory, operation, actor, provenance, now, content=content)
    version.save(force_insert=True)
    memory.head_version_id = version.pk
    memory.save(force_insert=operation == Operation.CREATED)
    _note_memory(memory, operation, actor, provenance)
    return memory


def _note_memory(memory: Memory, operation: Operation, actor: Actor, provenance: Provenance | None) -> None:
    """What people and programs write themselves; of an agent's writes and of proposals there is another record."""
    if (actor.member or actor.api_key) and not (provenance and provenance.proposal_id):
        why = provenance.note if provenance else ""
        audit.record(
            actor, f"memory.{operation.value}", memory.pk, name=memory.path, reason=why, detail=memory.store_id
        )


def _check_expected(memory: Memory, expected_sha256: str | None) -> None:
    if expected_sha256 is not None and expected_sha256 != memory.content_sha256:
        raise PreconditionFailed(
            f"The memory {memory.path} changed: its content_sha256 is {memory.content_sha256}, not {expected_sha256}."
        )


def _check_path_is_free(store: MemoryStore, path: str, besides: Memory | None = None) -> None:
    taken = Memory.objects.filter(store=store).exclude(pk=besides.pk if besides else None)
    # Not startswith: SQLite's LIKE ignores case, and paths do not.
    inside = taken.annotate(start=Left("path", len(path) + 1)).filter(start=f"{path}/")
    clash = (taken.filter(path__in=[path, *folders_of(path)]) or inside).first()
    if clash is not None:
        what = "is taken" if clash.path == path else f"clashes with the file {clash.path}"
        raise PathConflict(f"path: {path} {what}.", conflicting_memory_id=clash.pk, conflicting_path=clash.path)
