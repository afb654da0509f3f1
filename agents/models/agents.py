"""Agents: a head row that names the latest version, and immutable snapshots."""

from django.db import models

from agents import limits
from agents.models.base import Archivable, PublicIdField, WorkspaceOwned


class Agent(Archivable, WorkspaceOwned):
    id = PublicIdField("agent", primary_key=True)
    name = models.CharField(max_length=limits.AGENT_NAME_MAX)
    version = models.PositiveIntegerField(default=1)
    metadata = models.JSONField(default=dict, blank=True)
    # Dreams run as sessions of an agent that is the platform's own; lists leave it out.
    is_internal = models.BooleanField(default=False)
    # What each `agents.plugs.AgentExtension` keeps, by its name.
    extensions = models.JSONField(default=dict, blank=True)
    updated_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["workspace", "-created_at", "-id"], name="agent_newest")]

    def __str__(self) -> str:
        return self.name


class AgentVersion(models.Model):
    """What the agent was at one version; `definition` holds the wire members name, description, model, system, tools,
    mcp_servers, skills, multiagent, execution_identity and metadata, resolved."""

    agent = models.ForeignKey(Agent, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    definition = models.JSONField()
    created_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["agent", "number"], name="agent_version_once")]

    def __str__(self) -> str:
        return f"{self.agent_id} v{self.number}"
