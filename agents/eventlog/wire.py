"""PURE: a logged or queued event, and a frozen agent, as the wire shows them."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

# The member of a payload that is ours alone: what the thread's conversation is folded from and no client is told.
PRIVATE = "_private"
COMPACTED = "agent.thread_context_compacted"
REQUEST_START, REQUEST_END = "span.model_request_start", "span.model_request_end"

# An agent as a session froze it, in the order of the wire's documentation; it has no metadata and no times.
SNAPSHOT_MEMBERS = (
    "name",
    "description",
    "model",
    "system",
    "tools",
    "mcp_servers",
    "skills",
    "multiagent",
    "execution_identity",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """An event as decisions need it; what was read from the table and what was just appended look alike."""

    event_id: str
    type: str
    payload: dict[str, Any]


class EventRow(Protocol):
    """A row of the log, as far as the wire shows it."""

    event_id: str
    type: str
    payload: dict[str, Any]
    processed_at: datetime


class QueuedRow(Protocol):
    """A row of the inbox, as far as the wire shows it."""

    pk: str
    type: str
    payload: dict[str, Any]


def timestamp(moment: datetime | None) -> str | None:
    """RFC 3339 in UTC with `Z`, as every time on the wire."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z") if moment else None


def wire_event(row: EventRow) -> dict[str, Any]:
    """A logged event, without what it says to ourselves."""
    event = {"id": row.event_id, "type": row.type, **row.payload, "processed_at": timestamp(row.processed_at)}
    event.pop(PRIVATE, None)
    return event


def private(event: EventRow | Logged) -> dict[str, Any]:
    """What the event says to ourselves."""
    said: dict[str, Any] = event.payload.get(PRIVATE) or {}
    return said


def queued_event(row: QueuedRow) -> dict[str, Any]:
    """A client event that waits: listed last, `processed_at` null."""
    return {"id": row.pk, "type": row.type, **row.payload, "processed_at": None}


def deleted_event(event_id: str, at: datetime) -> dict[str, Any]:
    """The last event of a session that is gone; no log holds it."""
    return {"id": event_id, "type": "session.deleted", "processed_at": timestamp(at)}


def agent_snapshot(snapshot: dict[str, Any]) -> dict[str, Any]:
    """The agent object of a session, from what the session froze."""
    frozen = {name: snapshot.get(name) for name in SNAPSHOT_MEMBERS}
    return {"id": snapshot["id"], "type": "agent", "version": snapshot["version"], **frozen}
