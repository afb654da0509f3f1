"""Workspaces, the people in them, and API keys."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.contrib.auth.tokens import default_token_generator
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from agents import audit
from agents.actors import Actor, platform
from agents.crypto import key_digest, new_key, shown_prefix
from agents.exceptions import Conflict, InvalidRequest, NotFound, PermissionDenied
from agents.ids import PREFIXES
from agents.limits import API_KEY_TOUCH_SECONDS, MEMBER_TOUCH_SECONDS, METADATA_KEY_MAX
from agents.models import ApiKey, EnvironmentKey, Member, Role, Scope, Workspace

DEFAULT_SCOPES = (Scope.READ, Scope.WRITE)
KEY_NAME_MAX = 255
WORKSPACE_NAME_MAX = 255
LAST_ADMIN = "A workspace needs at least one admin, or nobody could ever change it. Make somebody else admin first."


def create_workspace(name: str, **settings: Any) -> Workspace:
    """A new tenant; `Conflict` when the name is taken."""
    _check_workspace_name(name)
    try:
        with transaction.atomic():
            return Workspace.objects.create(name=name, settings=settings)
    except IntegrityError:
        raise _workspace_taken(name)


@transaction.atomic
def found_workspace(name: str, *, founder: User) -> Member:
    """A new tenant and its first admin."""
    workspace = create_workspace(name)
    member = add_member(workspace, founder, Role.ADMIN)
    audit.record(Actor.of_member(member), "workspace.created", workspace.pk, name=workspace.name)
    return member


def names_of(workspace: Workspace, actor_ids: Iterable[str]) -> dict[str, str]:
    """What people call those who act, by id: members by their user name, keys by their name; whatever else stands
    there, such as a principal of a session's metadata, is its own name."""
    wanted = set(actor_ids)
    members = [actor_id for actor_id in wanted if actor_id.startswith(PREFIXES["member"])]
    keys = [actor_id for actor_id in wanted if actor_id.startswith(PREFIXES["api_key"])]
    names = {actor_id: actor_id for actor_id in wanted}
    if members:
        found = Member.objects.in_workspace(workspace).filter(pk__in=members)
        names |= dict(found.values_list("pk", "user__username"))
    if keys:
        names |= dict(ApiKey.objects.in_workspace(workspace).filter(pk__in=keys).values_list("pk", "name"))
    return names


def update_workspace(
    workspace: Workspace, *, name: str, principal_key: str, allow_unreviewed_stores: bool, actor: Actor
) -> Workspace:
    """Its name, and the settings that a person can change; the others stay."""
    _check_workspace_name(name)
    if not 1 <= len(principal_key) <= METADATA_KEY_MAX:
        raise InvalidRequest(f"principal_key: it must have 1 to {METADATA_KEY_MAX} characters, as metadata keys do.")
    wanted = {"principal_key": principal_key, "allow_unreviewed_stores": allow_unreviewed_stores}
    try:
        with transaction.atomic():
            workspace = _lock(workspace)
            now: dict[str, Any] = {"principal_key": workspace.principal_key}
            now["allow_unreviewed_stores"] = workspace.allows_unreviewed_stores
            changes = [f"{key} {now[key]} → {value}" for key, value in wanted.items() if now[key] != value]
            changes += [f"name {workspace.name} → {name}"] if name != workspace.name else []
            if changes:
                workspace.name, workspace.settings = name, {**workspace.settings, **wanted}
                workspace.save(update_fields=["name", "settings"])
                audit.record(actor, "workspace.updated", workspace.pk, name=name, detail=", ".join(changes))
            return workspace
    except IntegrityError:
        raise _workspace_taken(name)


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


@transaction.atomic
def add_member(workspace: Workspace, user: User, role: str = Role.VIEWER, *, actor: Actor | None = None) -> Member:
    """Let a person into the workspace; `Conflict` when they are in it. Who was removed comes back as who they were."""
    _check_role(role)
    _lock(workspace)
    member = Member.objects.in_workspace(workspace).filter(user=user).first()
    if member is None:
        member = Member.objects.create(workspace=workspace, user=user, role=role)
    elif member.removed_at is None:
        raise Conflict(f"{user} is a member of this workspace already.")
    else:
        member.role, member.removed_at, member.created_at = role, None, timezone.now()
        member.save(update_fields=["role", "removed_at", "created_at"])
    audit.record(actor or platform(workspace), "member.added", member.pk, name=str(user), detail=role)
    return member


def invite_person(username: str, role: str, *, actor: Actor) -> Member:
    """Let in whoever has that user name; a name that nobody has becomes a new person, without a password yet."""
    name = User.normalize_username(username.strip())
    try:
        User._meta.get_field("username").run_validators(name)
    except ValidationError as error:
        raise InvalidRequest(f"username: {error.messages[0]}")
    try:
        with transaction.atomic():
            # Not by the exact name: two people whose names differ in case only are mistaken for each other.
            user = User.objects.filter(username__iexact=name).order_by("pk").first()
            return add_member(actor.workspace, user or User.objects.create_user(name), role, actor=actor)
    except IntegrityError:
        raise Conflict(f"username: somebody made a person named {name!r} at this moment.")


@transaction.atomic
def sign_in_token(member: Member, *, actor: Actor) -> tuple[str, str]:
    """The two parts of a link with which the person sets a password, once. It opens every workspace that they are in,
    so whoever makes it must be admin of each of them."""
    if not may_renew_sign_in(member, actor):
        raise PermissionDenied("This person is in workspaces where you are no admin: they keep their own password.")
    audit.record(actor, "member.sign_in_link_made", member.pk, name=str(member))
    return urlsafe_base64_encode(force_bytes(member.user_id)), default_token_generator.make_token(member.user)


def may_renew_sign_in(member: Member, actor: Actor) -> bool:
    """Whether the actor is admin wherever the person is a member; of who runs the installation, only themselves."""
    if actor.member is None or member.removed_at or not member.user.is_active:
        return False
    if member.user.is_superuser and member.user_id != actor.member.user_id and not actor.member.user.is_superuser:
        return False
    administered = Member.objects.present().filter(user=actor.member.user_id, role=Role.ADMIN).values("workspace")
    return not Member.objects.present().filter(user=member.user_id).exclude(workspace__in=administered).exists()


@transaction.atomic
def change_role(member: Member, role: str, *, actor: Actor | None = None) -> Member:
    """Give a member another role; the last admin stays one, or nobody could ever mend it."""
    _check_role(role)
    member = _lock_member(member)
    before = member.role
    if role == before:
        return member
    _check_not_last_admin(member)
    Member.objects.filter(pk=member.pk).update(role=role)
    member.role = role
    detail = f"{before} → {role}"
    audit.record(actor or platform(member.workspace), "member.role_changed", member.pk, name=str(member), detail=detail)
    return member


@transaction.atomic
def remove_member(member: Member, *, actor: Actor, with_keys: bool = False) -> None:
    """From the next click on they are out; what they decided stays on record. The keys they made are programs', and go
    on unless the caller says otherwise."""
    member = _lock_member(member)
    _check_not_last_admin(member)
    Member.objects.filter(pk=member.pk).update(removed_at=timezone.now())
    audit.record(actor, "member.removed", member.pk, name=str(member))
    if with_keys:
        for key in live_keys_of(member):
            revoke_api_key(key, actor=actor)


def why_kept(member: Member) -> str:
    """Why this member cannot be removed; empty when they can."""
    try:
        _check_not_last_admin(member)
    except Conflict as error:
        return error.message
    return ""


def live_keys_of(member: Member) -> list[ApiKey]:
    return list(ApiKey.objects.filter(created_by=member, revoked_at=None).order_by("name", "pk"))


def note_password(user: User) -> None:
    """Somebody set a password of their own: the log of each workspace says so."""
    _note_of_person(user, "member.password_set")


def note_sign_in(user: User) -> None:
    _note_of_person(user, "member.signed_in")


def note_failed_sign_in(username: str) -> None:
    """Somebody gave a wrong password for a person of ours; who it was is not known."""
    for member in Member.objects.present().filter(user__username=username).select_related("workspace"):
        audit.record(platform(member.workspace), "member.sign_in_failed", member.pk, name=username)


def note_seen(member: Member) -> None:
    """Remember when a person last opened a page, at most every few minutes."""
    if _is_stale(member.last_seen_at, MEMBER_TOUCH_SECONDS):
        Member.objects.filter(pk=member.pk).update(last_seen_at=timezone.now())


def issue_api_key(
    workspace: Workspace, name: str, *, scopes: Iterable[str] = DEFAULT_SCOPES, actor: Actor | None = None
) -> tuple[ApiKey, str]:
    """A new key and its text, which is kept nowhere: show it once."""
    wanted = sorted({str(scope) for scope in scopes})
    if unknown := sorted(set(wanted) - set(Scope.values)):
        raise InvalidRequest(f"scope: {unknown[0]!r} is unknown; use {', '.join(Scope.values)}.")
    if not name.strip() or len(name) > KEY_NAME_MAX:
        raise InvalidRequest(f"name: an API key needs a name of at most {KEY_NAME_MAX} characters.")
    text = new_key()
    with transaction.atomic():
        key = ApiKey.objects.create(
            workspace=workspace,
            name=name,
            prefix=shown_prefix(text),
            digest=key_digest(text),
            scopes=wanted,
            created_by=actor.member if actor else None,
        )
        by = actor or platform(workspace)
        audit.record(by, "api_key.created", key.pk, name=name, detail=f"{key.prefix}…: {', '.join(wanted)}")
    return key, text


def rotate_api_key(key: ApiKey, *, actor: Actor) -> tuple[ApiKey, str]:
    """A second key with the same name and rights; the first works on until it is revoked."""
    if key.revoked_at:
        raise InvalidRequest("The key is revoked: there is nothing to replace. Create a new one.")
    return issue_api_key(key.workspace, key.name, scopes=key.scopes, actor=actor)


@transaction.atomic
def revoke_api_key(key: ApiKey, *, actor: Actor | None = None) -> ApiKey:
    """From now on the key opens nothing; revoking twice keeps the first time."""
    if ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=timezone.now()):
        by = actor or platform(key.workspace)
        audit.record(by, "api_key.revoked", key.pk, name=key.name, detail=f"{key.prefix}…")
    key.refresh_from_db()
    return key


def note_use(key: ApiKey | EnvironmentKey) -> None:
    """Remember when the key was last used, at most once a minute: a call must not cost a write."""
    if _is_stale(key.last_used_at, API_KEY_TOUCH_SECONDS):
        now = timezone.now()
        stale = Q(last_used_at=None) | Q(last_used_at__lt=now - timedelta(seconds=API_KEY_TOUCH_SECONDS))
        type(key).objects.filter(stale, pk=key.pk).update(last_used_at=now)


def _is_stale(moment: datetime | None, seconds: int) -> bool:
    return moment is None or moment < timezone.now() - timedelta(seconds=seconds)


def _note_of_person(user: User, action: str) -> None:
    for member in Member.objects.present().filter(user=user).select_related("workspace", "user"):
        audit.record(Actor.of_member(member), action, member.pk, name=str(member))


def _lock(workspace: Workspace) -> Workspace:
    """The workspace's row lock, held until the commit: of two admins who demote each other one comes second."""
    Workspace.objects.filter(pk=workspace.pk).update(name=F("name"))
    return Workspace.objects.get(pk=workspace.pk)


def _lock_member(member: Member) -> Member:
    _lock(member.workspace)
    locked = Member.objects.present().filter(pk=member.pk).select_related("workspace", "user").first()
    if locked is None:
        raise NotFound(f"Member {member.pk!r} was not found.")
    return locked


def _check_not_last_admin(member: Member) -> None:
    admins = Member.objects.present().in_workspace(member.workspace).filter(role=Role.ADMIN)
    if member.is_admin and not admins.exclude(pk=member.pk).exists():
        raise Conflict(LAST_ADMIN)


def _check_role(role: str) -> None:
    if role not in Role.values:
        raise InvalidRequest(f"role: {role!r} is unknown; use {', '.join(Role.values)}.")


def _check_workspace_name(name: str) -> None:
    if not name.strip() or len(name) > WORKSPACE_NAME_MAX:
        raise InvalidRequest(f"name: a workspace needs a name of at most {WORKSPACE_NAME_MAX} characters.")


def _workspace_taken(name: str) -> Conflict:
    return Conflict(f"name: there is a workspace {name!r} already.")
