"""Environments: what kind of sandbox a session's tools run in."""

from typing import Self

from django.db import connection, models

from agents import limits
from agents.models.base import Archivable, PublicIdField, WorkspaceOwned, WorkspaceQuerySet


class EnvironmentQuerySet(WorkspaceQuerySet):
    def kept(self) -> Self:
        """Without the deleted ones."""
        return self.filter(deleted_at=None)

    def hold(self, environment_id: str) -> bool:
        """Whether it is there, and then nobody deletes it until the commit. `select_for_update` would do as well, but
        sessions that begin in one environment would wait for each other."""
        shared = " FOR KEY SHARE" if connection.vendor == "postgresql" else ""  # on SQLite nobody else writes now
        sql, values = self.kept().filter(pk=environment_id).values("pk").query.sql_with_params()
        with connection.cursor() as cursor:
            cursor.execute(sql + shared, values)
            return cursor.fetchone() is not None


class Environment(Archivable, WorkspaceOwned):
    """`config` is the wire's cloud or self_hosted object, fully resolved. A deleted row stays for the sessions that
    ended in it, and is found nowhere else; its name is free again."""

    EDITED = ("name", "description", "config", "metadata")

    id = PublicIdField("environment", primary_key=True)
    name = models.CharField(max_length=limits.ENVIRONMENT_NAME_MAX)
    description = models.TextField(null=True, blank=True)
    config = models.JSONField()
    metadata = models.JSONField(default=dict, blank=True)
    scope = models.CharField(max_length=16, default="organization")
    is_internal = models.BooleanField(default=False)
    updated_at = models.DateTimeField()
    deleted_at = models.DateTimeField(null=True, blank=True)

    objects = EnvironmentQuerySet.as_manager()  # type: ignore[misc]  # the stubs see a class variable overridden

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "name"], condition=models.Q(deleted_at=None), name="environment_name_once"
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_self_hosted(self) -> bool:
        """Whether workers of somebody's own run the tools, not this installation."""
        return bool(self.config.get("type") == "self_hosted")
