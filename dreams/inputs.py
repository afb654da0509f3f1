"""What a dream reads: its sessions as digests, its store as it was pinned, the rules of its workspace."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

from django.db.models import Min, Sum
from django.utils import timezone

from agents import trust
from agents.eventlog.wire import timestamp, wire_event
from agents.models import Event, Session, SessionKind
from dreams import map_request, reduce_request
from dreams.digest import MESSAGES, TOOL_RESULTS, TOOL_USES, Digest, SourceEvent, digest_session
from dreams.entries import Entry, all_entries
from dreams.exceptions import DreamFailure
from dreams.limits import EVENTS_PER_DIGEST_MAX, PRINCIPAL_AGE_DAYS, STORE_MAX_BYTES
from dreams.models import Dream
from dreams.services import redaction_key
from memory.models import Memory, MemoryStore, MemoryVersion, Tier

READ_TYPES = [*TOOL_USES, *TOOL_RESULTS, *MESSAGES, "span.outcome_evaluation_end"]


def check_inputs(dream: Dream) -> MemoryStore:
    """The input store; a dream whose inputs went away has failed."""
    store = MemoryStore.objects.filter(pk=dream.input_store_id, workspace=dream.workspace_id).first()
    if store is None or store.is_archived:
        how = "deleted" if store is None else "archived"
        raise DreamFailure(
            "input_memory_store_unavailable", f"The memory store {dream.input_store_id} was {how} meanwhile."
        )
    found = Session.objects.filter(workspace=dream.workspace_id, pk__in=dream.input_session_ids)
    if found.count() != len(dream.input_session_ids):
        missing = sorted(set(dream.input_session_ids) - set(found.values_list("pk", flat=True)))
        raise DreamFailure("input_session_unavailable", f"The session {missing[0]} was deleted meanwhile.")
    return store


def pin(store: MemoryStore) -> dict[str, Any]:
    """What the dream holds on to: the version of every file, and hashes of what shapes its requests."""
    memories = Memory.objects.filter(store=store).order_by("path")
    size = memories.aggregate(size=Sum("content_size_bytes"))["size"] or 0
    if size > STORE_MAX_BYTES:
        most = f"{size:,} bytes; a dream reads stores of at most {STORE_MAX_BYTES:,}"
        raise DreamFailure("input_memory_store_too_large", f"The memory store {store.pk} holds {most}.")
    asked = [(step.SYSTEM, step.TOOL_DEFINITION) for step in (map_request, reduce_request)]
    prompts = json.dumps([part for step in asked for part in step])
    return {
        "memories": [
            {"path": m.path, "version_id": m.head_version_id, "sha256": m.content_sha256}
            for m in memories.only("path", "head_version_id", "content_sha256")
        ],
        "prompts_sha256": hashlib.sha256(prompts.encode()).hexdigest(),
    }


def pinned_files(dream: Dream) -> dict[str, str]:
    """The store as it was when the dream began, whatever was written since."""
    pinned = {memory["version_id"]: memory["path"] for memory in dream.manifest["memories"]}
    contents = dict(MemoryVersion.objects.filter(pk__in=pinned).values_list("pk", "content"))
    lost = [path for version_id, path in pinned.items() if contents.get(version_id) is None]
    if lost:
        raise DreamFailure("input_memory_store_unavailable", f"The version of {lost[0]} that it read was redacted.")
    return {path: str(contents[version_id]) for version_id, path in pinned.items()}


def authoritative_entries(dream: Dream) -> list[Entry]:
    """The entries of the workspace's read-only tiers, which win over what a working store says."""
    memories = Memory.objects.filter(
        store__workspace=dream.workspace_id, store__archived_at=None, store__tier__in=[Tier.ORGANIZATION, Tier.VERIFIED]
    ).exclude(store=dream.input_store_id)
    files = {f"{store}:{path}": content for store, path, content in memories.values_list("store", "path", "content")}
    return all_entries(files)


def read_digests(dream: Dream) -> Iterator[Digest]:
    """Each input session as a digest, in the order of the ids."""
    key = redaction_key(dream.workspace)
    sessions = Session.objects.filter(workspace=dream.workspace_id).in_bulk(dream.input_session_ids)
    for session_id in dream.input_session_ids:
        if session_id not in sessions:
            raise DreamFailure("input_session_unavailable", f"The session {session_id} was deleted meanwhile.")
        yield _digest(sessions[session_id], key)


def _digest(session: Session, key: bytes) -> Digest:
    rows = Event.objects.filter(session=session, type__in=READ_TYPES).in_order()[:EVENTS_PER_DIGEST_MAX]
    seen: set[str] = set()
    events = []
    for row in rows:
        if row.event_id in seen:
            continue  # a child's call that was copied onto the primary thread
        seen.add(row.event_id)
        is_operator = row.trust >= trust.PERSON
        events.append(SourceEvent(payload=wire_event(row), is_operator=is_operator, error_trust=min(row.trust, 1)))
    return digest_session(
        session_id=session.pk,
        principal=session.principal,
        verdict=session.verdict,
        events=events,
        declared_tools=declared_tools(session.agent_snapshot),
        key=key,
        ended_at=timestamp(session.ended_at) or "",
    )


def read_of(digest: Digest) -> dict[str, Any]:
    """What the manifest says of a session that was read: the hash is of the redacted text that the dream worked on."""
    text = "\n".join(f"{event.event_id} {event.full}" for event in digest.events)
    return {
        "session_id": digest.session_id,
        "events": len(digest.events),
        "is_shortened": digest.is_truncated,
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
    }


def declared_tools(agent: dict[str, Any]) -> frozenset[str]:
    """The custom tools that the session's agent declares: their error lines count as a tool's word."""
    tools = agent.get("tools") or []
    return frozenset(str(tool.get("name")) for tool in tools if tool.get("type") == "custom")


def young_principals(dream: Dream, principals: Sequence[str]) -> frozenset[str]:
    """Principals whose first session is too recent to corroborate; nobody is, while the workspace itself is new."""
    limit = timezone.now() - timedelta(days=PRINCIPAL_AGE_DAYS)
    if dream.workspace.created_at > limit:
        return frozenset()
    first = (
        Session.objects.filter(workspace=dream.workspace_id, principal__in=set(principals))
        .values("principal")
        .annotate(first=Min("created_at"))
    )
    return frozenset(row["principal"] for row in first if row["first"] > limit)


def open_kinds(dream: Dream) -> frozenset[tuple[str, str]]:
    """Pairs (operation, topic) that this workspace has earned to have applied without a person; none at first."""
    return frozenset((str(op), str(topic)) for op, topic in dream.workspace.settings.get("open_kinds", []))


def unattributed_sessions(dream: Dream) -> frozenset[str]:
    """Imported sessions that name no principal: theirs is whoever imported them."""
    imported = Session.objects.filter(
        workspace=dream.workspace_id, pk__in=dream.input_session_ids, kind=SessionKind.IMPORTED
    )
    rows = imported.values_list("pk", "principal", "metadata")
    return frozenset(pk for pk, principal, metadata in rows if principal not in metadata.values())
