"""The kernel's tables."""

from agents.models.agents import Agent, AgentVersion
from agents.models.audit import AuditEvent
from agents.models.deployments import Deployment, DeploymentRun, DeploymentStatus, RunTrigger
from agents.models.environments import Environment
from agents.models.events import Event, InboxEvent
from agents.models.files import File, UnusedBlob
from agents.models.outbox import OutboxEvent
from agents.models.prices import CostDay, ModelPrice
from agents.models.schedules import Scheduled
from agents.models.sent_forms import SentForm
from agents.models.sessions import (
    Session,
    SessionKind,
    SessionResource,
    SessionStatus,
    Thread,
    Uncounted,
    Verdict,
    VerdictResult,
    counted_anew,
)
from agents.models.skills import Skill, SkillVersion
from agents.models.tenancy import ApiKey, Member, Role, Scope, Workspace
from agents.models.vaults import AuthType, Credential, Vault
from agents.models.webhooks import EndpointState, WebhookEndpoint
from agents.models.work import EnvironmentKey, PollingWorker, WorkItem, WorkState

__all__ = [
    "Agent",
    "AgentVersion",
    "ApiKey",
    "AuditEvent",
    "AuthType",
    "CostDay",
    "Credential",
    "Deployment",
    "DeploymentRun",
    "DeploymentStatus",
    "EndpointState",
    "Environment",
    "EnvironmentKey",
    "Event",
    "File",
    "InboxEvent",
    "Member",
    "ModelPrice",
    "OutboxEvent",
    "PollingWorker",
    "Role",
    "RunTrigger",
    "Scheduled",
    "Scope",
    "SentForm",
    "Session",
    "SessionKind",
    "SessionResource",
    "SessionStatus",
    "Skill",
    "SkillVersion",
    "Thread",
    "Uncounted",
    "UnusedBlob",
    "Vault",
    "Verdict",
    "VerdictResult",
    "WebhookEndpoint",
    "WorkItem",
    "WorkState",
    "Workspace",
    "counted_anew",
]
