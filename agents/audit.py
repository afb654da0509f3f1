"""The audit log: who did what, written by the verb that does it, in the same transaction."""

from agents.actors import Actor
from agents.models import AuditEvent


def record(actor: Actor, action: str, object_id: str, *, name: str = "", reason: str = "", detail: str = "") -> None:
    """Note that `actor` did `action`, a wire word such as `agent.updated`, to the object of that id; `name` is what
    people call the object, `reason` what the actor gave for it, `detail` which members changed. Call it only where
    something really changed."""
    AuditEvent.objects.create(
        workspace=actor.workspace,
        actor_kind=actor.kind or "platform",
        actor_id=actor.id,
        actor_name=actor.name,
        action=action,
        object_id=object_id,
        object_name=name,
        detail=detail,
        reason=reason,
    )


def last_of(actor: Actor, object_id: str) -> AuditEvent | None:
    """What was done last to the object of that id."""
    events = AuditEvent.objects.in_workspace(actor.workspace).filter(object_id=object_id)
    found: AuditEvent | None = events.newest_first().first()
    return found
