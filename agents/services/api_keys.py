"""API keys of programs: issue, which shows the text once, rotate and revoke."""

from collections.abc import Iterable
from datetime import timedelta

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from agents import audit
from agents.actors import Actor, platform
from agents.crypto import key_digest, new_key, shown_prefix
from agents.exceptions import InvalidRequest
from agents.limits import API_KEY_NAME_MAX, API_KEY_TOUCH_SECONDS
from agents.models import ApiKey, EnvironmentKey, Member, Scope, Workspace

DEFAULT_SCOPES = (Scope.READ, Scope.WRITE)


def issue_api_key(
    workspace: Workspace, name: str, *, scopes: Iterable[str] = DEFAULT_SCOPES, actor: Actor | None = None
) -> tuple[ApiKey, str]:
    """A new key and its text, which is kept nowhere: show it once."""
    wanted = sorted({str(scope) for scope in scopes})
    if unknown := sorted(set(wanted) - set(Scope.values)):
        raise InvalidRequest(f"scope: {unknown[0]!r} is unknown; use {', '.join(Scope.values)}.")
    if not name.strip() or len(name) > API_KEY_NAME_MAX:
        raise InvalidRequest(f"name: an API key needs a name of at most {API_KEY_NAME_MAX} characters.")
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


def live_keys_of(member: Member) -> list[ApiKey]:
    """The keys that the member made and nobody revoked, by name."""
    return list(ApiKey.objects.filter(created_by=member, revoked_at=None).order_by("name", "pk"))


def note_use(key: ApiKey | EnvironmentKey) -> None:
    """Remember when the key was last used, at most once a minute: a call must not cost a write."""
    now = timezone.now()
    before = now - timedelta(seconds=API_KEY_TOUCH_SECONDS)
    if key.last_used_at is None or key.last_used_at < before:
        stale = Q(last_used_at=None) | Q(last_used_at__lt=before)
        type(key).objects.filter(stale, pk=key.pk).update(last_used_at=now)
