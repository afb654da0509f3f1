"""Who is who: workspaces, the people in them with their roles, and the API keys of programs."""

from typing import Self

from django.conf import settings
from django.db import models

from agents.models.base import PublicIdField, WorkspaceOwned, WorkspaceQuerySet


class Role(models.TextChoices):
    ADMIN = "admin"  # configures everything
    REVIEWER = "reviewer"  # decides on proposals
    VIEWER = "viewer"  # reads

    @property
    def may_review(self) -> bool:
        return self in (Role.ADMIN, Role.REVIEWER)


class Scope(models.TextChoices):
    READ = "read"  # every GET
    WRITE = "write"  # everything an API consumer does
    REVIEW = "review"  # decide on proposals
    OPERATOR = "operator"  # its user messages are trusted like a member's


class Workspace(models.Model):
    """The tenant. `settings` holds `principal_key` (session metadata key that names the principal, default
    `principal`), `allow_unreviewed_stores`, and `open_kinds`: pairs such as `["add", "workaround"]`, the changes that
    dreams may apply themselves."""

    id = PublicIdField("workspace", primary_key=True)
    name = models.CharField(max_length=255, unique=True)
    settings = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name

    @property
    def principal_key(self) -> str:
        return str(self.settings.get("principal_key", "principal"))

    @property
    def allows_unreviewed_stores(self) -> bool:
        return bool(self.settings.get("allow_unreviewed_stores", False))


class MemberQuerySet(WorkspaceQuerySet):
    def present(self) -> Self:
        """Without those who were removed."""
        return self.filter(removed_at=None)


class Member(WorkspaceOwned):
    """Who was removed stays as a row, so that what they decided keeps its author."""

    EDITED = ("role",)

    id = PublicIdField("member", primary_key=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="members")
    role = models.CharField(max_length=16, choices=Role)
    last_seen_at = models.DateTimeField(null=True, blank=True)
    removed_at = models.DateTimeField(null=True, blank=True)

    objects = MemberQuerySet.as_manager()  # type: ignore[misc]  # the stubs see a class variable overridden

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "user"], name="member_once_per_workspace"),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="member_role_known"),
        ]

    def __str__(self) -> str:
        return str(self.user)

    @property
    def may_review(self) -> bool:
        return Role(self.role).may_review

    @property
    def is_admin(self) -> bool:
        return self.role == Role.ADMIN


class ApiKey(WorkspaceOwned):
    """A program's credential: only the HMAC digest is kept; the key itself is shown once."""

    id = PublicIdField("api_key", primary_key=True)
    name = models.CharField(max_length=255)
    prefix = models.CharField(max_length=24)
    digest = models.CharField(max_length=64, unique=True)
    scopes = models.JSONField(default=list)
    created_by = models.ForeignKey(Member, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    def has_scope(self, scope: str) -> bool:
        return scope in self.scopes

    @property
    def is_operator(self) -> bool:
        return self.has_scope(Scope.OPERATOR)
