"""Workspaces: found, rename, choose one."""

from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Q

from agents import audit
from agents.actors import Actor
from agents.editions import check_edition
from agents.exceptions import Conflict, InvalidRequest, NotFound
from agents.limits import METADATA_KEY_MAX, WORKSPACE_NAME_MAX
from agents.models import Member, Role, Workspace
from agents.services.members import add_member, lock_workspace


def create_workspace(name: str, **settings: Any) -> Workspace:
    """A new tenant; `Conflict` when the name is taken."""
    _check_name(name)
    try:
        with transaction.atomic():
            return Workspace.objects.create(name=name, settings=settings)
    except IntegrityError:
        raise _name_taken(name)


@transaction.atomic
def found_workspace(name: str, *, founder: User) -> Member:
    """A new tenant and its first admin."""
    workspace = create_workspace(name)
    member = add_member(workspace, founder, Role.ADMIN)
    audit.record(Actor.of_member(member), "workspace.created", workspace.pk, name=workspace.name)
    return member


def update_workspace(
    workspace: Workspace,
    *,
    name: str,
    principal_key: str,
    allow_unreviewed_stores: bool,
    actor: Actor,
    edition: str = "",
) -> Workspace:
    """Its name, and the settings that a person can change; the others stay."""
    _check_name(name)
    if not 1 <= len(principal_key) <= METADATA_KEY_MAX:
        raise InvalidRequest(f"principal_key: it must have 1 to {METADATA_KEY_MAX} characters, as metadata keys do.")
    settings = {"principal_key": principal_key, "allow_unreviewed_stores": allow_unreviewed_stores}
    wanted = {**settings, "name": name}
    try:
        with transaction.atomic():
            workspace = lock_workspace(workspace)
            now = settings_of(workspace)
            changes = [key for key, value in wanted.items() if now[key] != value]
            check_edition(edition, now, changes)
            if changes:
                workspace.name, workspace.settings = name, {**workspace.settings, **settings}
                workspace.save(update_fields=["name", "settings"])
                detail = ", ".join(f"{key} {now[key]} → {wanted[key]}" for key in changes)
                audit.record(actor, "workspace.updated", workspace.pk, name=name, detail=detail)
            return workspace
    except IntegrityError:
        raise _name_taken(name)


def settings_of(workspace: Workspace) -> dict[str, Any]:
    """What a person can change about it, as it is."""
    return {
        "name": workspace.name,
        "principal_key": workspace.principal_key,
        "allow_unreviewed_stores": workspace.allows_unreviewed_stores,
    }


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


def _check_name(name: str) -> None:
    if not name.strip() or len(name) > WORKSPACE_NAME_MAX:
        raise InvalidRequest(f"name: a workspace needs a name of at most {WORKSPACE_NAME_MAX} characters.")


def _name_taken(name: str) -> Conflict:
    return Conflict(f"name: there is a workspace {name!r} already.")
