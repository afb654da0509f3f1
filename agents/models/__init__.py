"""The kernel's tables."""

from agents.models.agents import Agent, AgentVersion
from agents.models.environments import Environment
from agents.models.events import Event, InboxEvent
from agents.models.outbox import OutboxEvent
from agents.models.sessions import (
    Session,
    SessionKind,
    SessionResource,
    SessionStatus,
    Thread,
    Verdict,
    VerdictResult,
)
from agents.models.tenancy import ApiKey, Member, Role, Scope, Workspace

__all__ = [
    "Agent",
    "AgentVersion",
    "ApiKey",
    "Environment",
    "Event",
    "InboxEvent",
    "Member",
    "OutboxEvent",
    "Role",
    "Scope",
    "Session",
    "SessionKind",
    "SessionResource",
    "SessionStatus",
    "Thread",
    "Verdict",
    "VerdictResult",
    "Workspace",
]
