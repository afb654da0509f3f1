"""Environments: what kind of sandbox a session's tools run in."""

from django.db import models

from agents import limits
from agents.models.base import Archivable, PublicIdField, WorkspaceOwned


class Environment(Archivable, WorkspaceOwned):
    """`config` is the wire's cloud or self_hosted object, fully resolved."""

    id = PublicIdField("environment", primary_key=True)
    name = models.CharField(max_length=limits.ENVIRONMENT_NAME_MAX)
    description = models.TextField(null=True, blank=True)
    config = models.JSONField()
    metadata = models.JSONField(default=dict, blank=True)
    scope = models.CharField(max_length=16, default="organization")
    is_internal = models.BooleanField(default=False)
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "name"], name="environment_name_once")]

    def __str__(self) -> str:
        return self.name
