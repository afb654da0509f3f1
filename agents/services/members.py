"""The people in a workspace: let in, give a role, let in again, remove; when they were last there."""

from datetime import timedelta

from django.contrib.auth.models import User
from django.contrib.auth.tokens import default_token_generator
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from agents import audit
from agents.actors import Actor, platform
from agents.editions import check_edition
from agents.exceptions import Conflict, InvalidRequest, NotFound, PermissionDenied
from agents.limits import MEMBER_TOUCH_SECONDS
from agents.models import Member, Role, Workspace
from agents.services.api_keys import live_keys_of, revoke_api_key

LAST_ADMIN = "A workspace needs at least one admin, or nobody could ever change it. Make somebody else admin first."


@transaction.atomic
def add_member(workspace: Workspace, user: User, role: str = Role.VIEWER, *, actor: Actor | None = None) -> Member:
    """Let a person into the workspace; `Conflict` when they are in it. Who was removed comes back as who they were."""
    _check_role(role)
    lock_workspace(workspace)
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
def change_role(member: Member, role: str, *, actor: Actor | None = None, edition: str = "") -> Member:
    """Give a member another role; the last admin stays one, or nobody could ever mend it."""
    _check_role(role)
    member = _lock_member(member)
    before = member.role
    if role == before:
        return member
    check_edition(edition, member, ["role"])
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


def note_password(user: User) -> None:
    """Somebody set a password of their own: the log of each workspace says so."""
    _note_of_person(user, "member.password_set")


def note_sign_in(user: User) -> None:
    """Somebody signed in: the log of each workspace they are in says so."""
    _note_of_person(user, "member.signed_in")


def note_failed_sign_in(username: str) -> None:
    """Somebody gave a wrong password for a person of ours; who it was is not known."""
    for member in Member.objects.present().filter(user__username=username).select_related("workspace"):
        audit.record(platform(member.workspace), "member.sign_in_failed", member.pk, name=username)


def note_seen(member: Member) -> None:
    """Remember when a person last opened a page, at most every few minutes."""
    now = timezone.now()
    if member.last_seen_at is None or member.last_seen_at < now - timedelta(seconds=MEMBER_TOUCH_SECONDS):
        Member.objects.filter(pk=member.pk).update(last_seen_at=now)


def lock_workspace(workspace: Workspace) -> Workspace:
    """The workspace's row lock, held until the commit: of two admins who demote each other one comes second."""
    Workspace.objects.filter(pk=workspace.pk).update(name=F("name"))
    return Workspace.objects.get(pk=workspace.pk)


def _note_of_person(user: User, action: str) -> None:
    for member in Member.objects.present().filter(user=user).select_related("workspace", "user"):
        audit.record(Actor.of_member(member), action, member.pk, name=str(member))


def _lock_member(member: Member) -> Member:
    lock_workspace(member.workspace)
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
