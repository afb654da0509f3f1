"""Workspaces, the people in them, and API keys."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from agents.actors import Actor
from agents.crypto import key_digest, new_key, shown_prefix
from agents.exceptions import Conflict, InvalidRequest, NotFound
from agents.limits import API_KEY_TOUCH_SECONDS
from agents.models import ApiKey, Member, Role, Scope, Workspace

DEFAULT_SCOPES = (Scope.READ, Scope.WRITE)
KEY_NAME_MAX = 255


def create_workspace(name: str, **settings: Any) -> Workspace:
    """A new tenant; `Conflict` when the name is taken."""
    if not name.strip():
        raise InvalidRequest("name: a workspace needs a name.")
    try:
        with transaction.atomic():
            return Workspace.objects.create(name=name, settings=settings)
    except IntegrityError:
        raise Conflict(f"name: there is a workspace {name!r} already.")


def choose_workspace(wanted: str | None) -> Workspace:
    """The workspace with that name or id; without one, the only workspace there is."""
    if wanted:
        named = Workspace.objects.filter(Q(name=wanted) | Q(pk=wanted)).first()
        if named is None:
            raise NotFound(f"workspace: there is none with the name or id {wanted!r}.")
        return named
    workspaces = list(Workspace.objects.order_by("created_at")[:2])
    if len(workspaces) != 1:
        raise InvalidRequest("workspace: name one; there are several, or none yet.")
    return workspaces[0]


def add_member(workspace: Workspace, user: User, role: str = Role.VIEWER) -> Member:
    """Let a person into the workspace; `Conflict` when they are in it."""
    _check_role(role)
    try:
        with transaction.atomic():
            return Member.objects.create(workspace=workspace, user=user, role=role)
    except IntegrityError:
        raise Conflict(f"{user} is a member of this workspace already.")


@transaction.atomic
def change_role(member: Member, role: str) -> Member:
    """Give a member another role; the last admin stays one, or nobody could ever mend it."""
    _check_role(role)
    admins = Member.objects.in_workspace(member.workspace).filter(role=Role.ADMIN)
    if member.is_admin and role != Role.ADMIN and not admins.exclude(pk=member.pk).exists():
        raise Conflict("role: a workspace needs at least one admin.")
    Member.objects.filter(pk=member.pk).update(role=role)
    member.role = role
    return member


def issue_api_key(
    workspace: Workspace, name: str, *, scopes: Iterable[str] = DEFAULT_SCOPES, actor: Actor | None = None
) -> tuple[ApiKey, str]:
    """A new key and its text, which is kept nowhere: show it once."""
    wanted = [str(scope) for scope in scopes]
    if unknown := sorted(set(wanted) - set(Scope.values)):
        raise InvalidRequest(f"scope: {unknown[0]!r} is unknown; use {', '.join(Scope.values)}.")
    if not name.strip() or len(name) > KEY_NAME_MAX:
        raise InvalidRequest(f"name: an API key needs a name of at most {KEY_NAME_MAX} characters.")
    text = new_key()
    key = ApiKey.objects.create(
        workspace=workspace,
        name=name,
        prefix=shown_prefix(text),
        digest=key_digest(text),
        scopes=sorted(set(wanted)),
        created_by=actor.member if actor else None,
    )
    return key, text


def revoke_api_key(key: ApiKey) -> ApiKey:
    """From now on the key opens nothing; revoking twice keeps the first time."""
    ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=timezone.now())
    key.refresh_from_db()
    return key


def note_use(key: ApiKey) -> None:
    """Remember when the key was last used, at most once a minute: a call must not cost a write."""
    now = timezone.now()
    stale = Q(last_used_at=None) | Q(last_used_at__lt=now - timedelta(seconds=API_KEY_TOUCH_SECONDS))
    if key.last_used_at is None or key.last_used_at < now - timedelta(seconds=API_KEY_TOUCH_SECONDS):
        ApiKey.objects.filter(stale, pk=key.pk).update(last_used_at=now)


def _check_role(role: str) -> None:
    if role not in Role.values:
        raise InvalidRequest(f"role: {role!r} is unknown; use {', '.join(Role.values)}.")
