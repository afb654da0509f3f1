"""Verbs of memory: every change of a memory leaves exactly one version row.

Each verb first takes the store's row lock by writing to the row, which both databases hold until the commit. What it
reads afterwards is the whole truth: of two writers with the same precondition exactly one wins, two files can never
share a path with a folder, and a store that is being archived takes no further write.
"""

import hashlib
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Left
from django.utils import timezone

from agents import audit
from agents.actors import Actor, platform
from agents.editions import check_edition
from agents.exceptions import InvalidRequest, NotFound, PermissionDenied
from agents.metadata import check_metadata, merge_metadata
from agents.models import Workspace
from agents.outbox import emit
from memory.exceptions import PathConflict, PreconditionFailed, StoreLimitReached
from memory.limits import MEMORIES_PER_STORE_MAX, STORE_DESCRIPTION_MAX, STORE_NAME_MAX
from memory.models import Memory, MemoryStore, MemoryVersion, Operation, Tier
from memory.paths import check_content, check_path, check_store_name, folders_of
from memory.provenance import Provenance
from memory.tiers import agents_may_write


@transaction.atomic
def create_store(
    workspace: Workspace,
    *,
    name: str,
    description: str = "",
    metadata: dict[str, Any] | None = None,
    tier: str = Tier.WORKING,
    unreviewed_review_id: str | None = None,
    actor: Actor | None = None,
) -> MemoryStore:
    """A new, empty store; without an actor it is the platform's doing, here and in the verbs below."""
    _check_is_room(workspace)
    now = timezone.now()
    store = MemoryStore.objects.create(
        workspace=workspace,
        name=check_store_name(name, STORE_NAME_MAX),
        description=_check_description(description),
        metadata=check_metadata(metadata),
        tier=_check_tier(tier),
        unreviewed_review_id=unreviewed_review_id,
        created_at=now,
        updated_at=now,
    )
    emit(workspace, "memory_store.created", store.pk)
    _note(store, "created", actor)
    return store


@transaction.atomic
def update_store(
    store: MemoryStore, changes: dict[str, Any], *, actor: Actor | None = None, edition: str = ""
) -> MemoryStore:
    """Change name, description, metadata (merged) or tier; what is not in `changes` stays."""
    store = _lock(store)
    _check_is_live(store)
    check_edition(edition, store, [name for name in changes if changes[name] != getattr(store, name)])
    before = (store.name, store.description, store.metadata, store.tier)
    if changes.get("name") is not None:
        store.name = check_store_name(changes["name"], STORE_NAME_MAX)
    if "description" in changes:
        store.description = _check_description(changes["description"] or "")
    if "metadata" in changes:
        store.metadata = merge_metadata(store.metadata, changes["metadata"])
    if "tier" in changes:
        store.tier = _check_tier(changes["tier"])
    if before != (store.name, store.description, store.metadata, store.tier):
        store.updated_at = timezone.now()
        store.save(update_fields=["name", "description", "metadata", "tier", "updated_at"])
        _note(store, "updated", actor, detail=", ".join(changes))
    return store


@transaction.atomic
def archive_store(store: MemoryStore, *, actor: Actor | None = None) -> MemoryStore:
    """No more writes and no new sessions; archiving twice keeps the first time."""
    now = timezone.now()
    if MemoryStore.objects.filter(pk=store.pk, archived_at=None).update(archived_at=now, updated_at=now):
        emit(store.workspace_id, "memory_store.archived", store.pk)
        _note(store, "archived", actor)
    store.refresh_from_db()
    return store


@transaction.atomic
def delete_store(store: MemoryStore, *, expected_files: int | None = None, actor: Actor | None = None) -> None:
    """Take the store away with its memories, their versions and what was proposed for it. Sessions that mount it go on
    without it. With `expected_files` only if it holds as many: who deletes knows what is lost."""
    store = _lock(store)
    files = Memory.objects.filter(store=store).count()
    if expected_files is not None and expected_files != files:
        raise PreconditionFailed(f"The store holds {files:,} files, not {expected_files:,}: nothing was deleted.")
    emit(store.workspace_id, "memory_store.deleted", store.pk)
    _note(store, "deleted", actor)
    store.delete()


@transaction.atomic
def mark_reviewed(store: MemoryStore) -> MemoryStore:
    """Every change in this candidate copy was decided: sessions may attach it from now on."""
    MemoryStore.objects.filter(pk=store.pk).update(unreviewed_review_id=None, updated_at=timezone.now())
    store.refresh_from_db()
    return store


@transaction.atomic
def mark_unreviewed(store: MemoryStore, review_id: str) -> MemoryStore:
    """A change in this candidate copy was taken back: sessions may not attach it any more."""
    MemoryStore.objects.filter(pk=store.pk).update(unreviewed_review_id=review_id, updated_at=timezone.now())
    store.refresh_from_db()
    return store


@transaction.atomic
def create_memory(
    store: MemoryStore, *, path: str, content: str, actor: Actor, provenance: Provenance | None = None
) -> Memory:
    """A new file of the store; `PathConflict` when the path is taken."""
    check_path(path)
    data = check_content(content)
    store = _lock_to_write(store, actor)
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
    store = _lock_to_write(memory.store, actor)
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
    store = _lock(memory.store)
    _check_tier_permits(store, actor)
    memory = _current(memory)
    _check_expected(memory, expected_sha256)
    version = _new_version(memory, Operation.DELETED, actor, provenance, timezone.now(), content=None)
    version.content_sha256 = version.content_size_bytes = None
    version.save(force_insert=True)
    Memory.objects.filter(pk=memory.pk, store=store).delete()
    _note_memory(memory, Operation.DELETED, actor, provenance)
    return version


@transaction.atomic
def redact_version(version: MemoryVersion, *, reason: str = "", actor: Actor) -> MemoryVersion:
    """Wipe what a version said and keep who wrote it and when; the head of a living memory is refused."""
    if actor.session_id:
        raise PermissionDenied("Agents may not redact memory.")
    _lock(version.store)
    if Memory.objects.filter(head_version_id=version.pk).exists():
        raise InvalidRequest("The current version of a memory cannot be redacted: change or delete the memory first.")
    redacted = MemoryVersion.objects.filter(pk=version.pk, redacted_at=None).update(
        path=None,
        content=None,
        content_sha256=None,
        content_size_bytes=None,
        redacted_at=timezone.now(),
        redacted_by_type=actor.kind,
        redacted_by_id=actor.id,
    )
    if redacted:
        of = f"{version.store_id} {version.memory_id}"
        audit.record(actor, "memory_version.redacted", version.pk, reason=reason, detail=of)
    version.refresh_from_db()
    return version


@transaction.atomic
def copy_memories(source: MemoryStore, target: MemoryStore, *, actor: Actor) -> int:
    """Fill an empty store with what another one holds; returns the number of files."""
    _lock_to_write(target, actor)
    now, memories, versions = timezone.now(), [], []
    for original in Memory.objects.filter(store=source).order_by("path"):
        memory = Memory(store=target, path=original.path, content=original.content, created_at=now, updated_at=now)
        memory.content_sha256, memory.content_size_bytes = original.content_sha256, original.content_size_bytes
        version = _new_version(memory, Operation.CREATED, actor, None, now, content=memory.content)
        memory.head_version_id = version.pk
        memories.append(memory)
        versions.append(version)
    Memory.objects.bulk_create(memories)
    MemoryVersion.objects.bulk_create(versions)
    return len(memories)


def sha256_of(content: str | bytes) -> str:
    return hashlib.sha256(content.encode() if isinstance(content, str) else content).hexdigest()


def _check_is_room(workspace: Workspace) -> None:
    """Two at once may pass the last free place together: the bound protects the disk, it grants nothing."""
    most = settings.LUCID_MEMORY_STORES_MAX
    if MemoryStore.objects.in_workspace(workspace).live().count() >= most:
        raise StoreLimitReached(f"The workspace holds {most:,} memory stores, the most it may; archive some first.")


def _lock(store: MemoryStore) -> MemoryStore:
    MemoryStore.objects.filter(pk=store.pk).update(tier=F("tier"))
    locked: MemoryStore | None = MemoryStore.objects.filter(pk=store.pk).select_related("workspace").first()
    if locked is None:
        raise NotFound(f"Memory store {store.pk!r} was not found.")
    return locked


def _lock_to_write(store: MemoryStore, actor: Actor) -> MemoryStore:
    locked = _lock(store)
    _check_is_live(locked)
    _check_tier_permits(locked, actor)
    return locked


def _check_is_live(store: MemoryStore) -> None:
    if store.is_archived:
        raise InvalidRequest(f"The memory store {store.pk} is archived: it can be read, not written.")


def _check_tier_permits(store: MemoryStore, actor: Actor) -> None:
    if actor.session_id and not agents_may_write(store.tier):
        raise PermissionDenied(f"Agents may not write the memory store {store.pk}: its tier is {store.tier}.")


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
    version = _new_version(memory, operation, actor, provenance, now, content=content)
    version.save(force_insert=True)
    memory.head_version_id = version.pk
    memory.save(force_insert=operation == Operation.CREATED)
    _note_memory(memory, operation, actor, provenance)
    return memory


def _note(store: MemoryStore, verb: str, actor: Actor | None, *, detail: str = "") -> None:
    by = actor or platform(store.workspace)
    audit.record(by, f"memory_store.{verb}", store.pk, name=store.name, detail=detail)


def _note_memory(memory: Memory, operation: Operation, actor: Actor, provenance: Provenance | None) -> None:
    """What people and programs write themselves; of an agent's writes and of proposals there is another record."""
    if (actor.member or actor.api_key) and not (provenance and provenance.proposal_id):
        why = provenance.note if provenance else ""
        audit.record(
            actor, f"memory.{operation.value}", memory.pk, name=memory.path, reason=why, detail=memory.store_id
        )


def _new_version(
    memory: Memory,
    operation: Operation,
    actor: Actor,
    provenance: Provenance | None,
    now: datetime,
    *,
    content: str | None,
) -> MemoryVersion:
    return MemoryVersion(
        store_id=memory.store_id,
        memory_id=memory.pk,
        operation=operation,
        path=memory.path,
        content=content,
        content_sha256=memory.content_sha256,
        content_size_bytes=memory.content_size_bytes,
        actor_type=actor.kind,
        actor_id=actor.id if actor.kind else None,
        provenance=provenance.stored() if provenance else None,
        proposal_id=provenance.proposal_id if provenance else None,
        created_at=now,
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


def _check_description(description: str) -> str:
    if len(description) > STORE_DESCRIPTION_MAX:
        raise InvalidRequest(f"description: it may have at most {STORE_DESCRIPTION_MAX:,} characters.")
    return description


def _check_tier(tier: str) -> str:
    if tier not in Tier.values:
        raise InvalidRequest(f"tier: {tier!r} is unknown; use {', '.join(Tier.values)}.")
    return tier
