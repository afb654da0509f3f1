"""Verbs of stores: create, update, archive, delete, and whether a dream's copy counts as reviewed."""

from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from agents import audit
from agents.actors import Actor, platform
from agents.editions import check_edition
from agents.exceptions import InvalidRequest
from agents.metadata import check_metadata, merge_metadata
from agents.models import Workspace
from agents.outbox import emit
from memory.exceptions import PreconditionFailed, StoreLimitReached
from memory.limits import STORE_DESCRIPTION_MAX, STORE_NAME_MAX
from memory.models import Memory, MemoryStore, Tier
from memory.paths import check_store_name
from memory.services.locks import check_is_live, lock_store


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
    note_store(store, "created", actor)
    return store


@transaction.atomic
def update_store(
    store: MemoryStore, changes: dict[str, Any], *, actor: Actor | None = None, edition: str = ""
) -> MemoryStore:
    """Change name, description, metadata (merged) or tier; what is not in `changes` stays."""
    store = lock_store(store)
    check_is_live(store)
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
        note_store(store, "updated", actor, detail=", ".join(changes))
    return store


@transaction.atomic
def archive_store(store: MemoryStore, *, actor: Actor | None = None) -> MemoryStore:
    """No more writes and no new sessions; archiving twice keeps the first time."""
    now = timezone.now()
    if MemoryStore.objects.filter(pk=store.pk, archived_at=None).update(archived_at=now, updated_at=now):
        emit(store.workspace_id, "memory_store.archived", store.pk)
        note_store(store, "archived", actor)
    store.refresh_from_db()
    return store


@transaction.atomic
def delete_store(store: MemoryStore, *, expected_files: int | None = None, actor: Actor | None = None) -> None:
    """Take the store away with its memories, their versions and what was proposed for it. Sessions that mount it go on
    without it. With `expected_files` only if it holds as many: who deletes knows what is lost."""
    store = lock_store(store)
    files = Memory.objects.filter(store=store).count()
    if expected_files is not None and expected_files != files:
        raise PreconditionFailed(f"The store holds {files:,} files, not {expected_files:,}: nothing was deleted.")
    emit(store.workspace_id, "memory_store.deleted", store.pk)
    note_store(store, "deleted", actor)
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


def _check_is_room(workspace: Workspace) -> None:
    """Two at once may pass the last free place together: the bound protects the disk, it grants nothing."""
    most = settings.LUCID_MEMORY_STORES_MAX
    if MemoryStore.objects.in_workspace(workspace).live().count() >= most:
        raise StoreLimitReached(f"The workspace holds {most:,} memory stores, the most it may; archive some first.")


def note_store(store: MemoryStore, verb: str, actor: Actor | None, *, detail: str = "") -> None:
    by = actor or platform(store.workspace)
    audit.record(by, f"memory_store.{verb}", store.pk, name=store.name, detail=detail)


def _check_description(description: str) -> str:
    if len(description) > STORE_DESCRIPTION_MAX:
        raise InvalidRequest(f"description: it may have at most {STORE_DESCRIPTION_MAX:,} characters.")
    return description


def _check_tier(tier: str) -> str:
    if tier not in Tier.values:
        raise InvalidRequest(f"tier: {tier!r} is unknown; use {', '.join(Tier.values)}.")
    return tier
