"""Vaults and the credentials in them; secrets are sealed, and nothing shows them again."""

from datetime import datetime

from django.db import models

from agents import limits
from agents.models.base import Archivable, PublicIdField, WorkspaceOwned


class Vault(Archivable, WorkspaceOwned):
    EDITED = ("display_name",)

    id = PublicIdField("vault", primary_key=True)
    display_name = models.CharField(max_length=limits.DISPLAY_NAME_MAX)
    metadata = models.JSONField(default=dict, blank=True)
    updated_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["workspace", "-created_at", "-id"], name="vault_newest")]

    def __str__(self) -> str:
        return self.display_name


class AuthType(models.TextChoices):
    MCP_OAUTH = "mcp_oauth"
    STATIC_BEARER = "static_bearer"
    ENVIRONMENT_VARIABLE = "environment_variable"


class Credential(Archivable):
    """`auth` is the wire's object without its secrets; `sealed` holds those, and is emptied when the credential is
    archived. `slot` is what a vault can hold only one active credential for: a server's URL or a variable's name."""

    EDITED = ("display_name", "auth", "secret_changed_at")

    id = PublicIdField("credential", primary_key=True)
    vault = models.ForeignKey(Vault, on_delete=models.CASCADE, related_name="credentials")
    display_name = models.CharField(max_length=limits.DISPLAY_NAME_MAX, null=True, blank=True)
    metadata = models.JSONField(default=dict, blank=True)
    auth_type = models.CharField(max_length=32, choices=AuthType)
    auth = models.JSONField()
    slot = models.CharField(max_length=2_200)
    sealed = models.TextField(blank=True)
    secret_changed_at = models.DateTimeField()
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["vault", "-created_at", "-id"], name="credential_newest")]
        constraints = [
            models.UniqueConstraint(
                fields=["vault", "slot"], condition=models.Q(archived_at=None), name="credential_slot_once"
            ),
            models.CheckConstraint(condition=models.Q(auth_type__in=AuthType.values), name="credential_auth_known"),
        ]

    def __str__(self) -> str:
        return self.display_name or self.target

    @property
    def expires_at(self) -> datetime | None:
        """When its access token runs out, where somebody said so."""
        moment = self.auth.get("expires_at")
        return datetime.fromisoformat(moment) if moment else None

    @property
    def target(self) -> str:
        """What it is for: the address of an MCP server, or the name of a variable."""
        return str(self.auth.get("mcp_server_url") or self.auth["secret_name"])
