"""Verbs of versions: one is made of every change, and what it said can be wiped."""

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from agents import audit
from agents.actors import Actor
from agents.exceptions import InvalidRequest, PermissionDenied
from memory.models import Memory, MemoryVersion, Operation
from memory.provenance import Provenance
from memory.services.locks import lock_store


@transaction.atomic
def redact_version(version: MemoryVersion, *, reason: str = "", actor: Actor) -> MemoryVersion:
    """Wipe what a version said and keep who wrote it and when; the head of a living memory is refused."""
    if actor.session_id:
        raise PermissionDenied("Agents may not redact memory.")
    lock_store(version.store)
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


def new_version(
    memory: Memory,
    operation: Operation,
    actor: Actor,
    provenance: Provenance | None,
    now: datetime,
    *,
    content: str | None,
) -> MemoryVersion:
    """The row of one change, not yet written."""
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
