"""Vaults and their credentials: create, update, archive, delete; for use, secrets come out in `credential_secrets`."""

import json
from collections.abc import Sequence
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from agents import audit
from agents.access import access_vault
from agents.actors import Actor
from agents.credential_auth import changed_auth, new_auth, slot_of
from agents.crypto import purpose_of, seal
from agents.editions import check_edition
from agents.exceptions import Conflict, InvalidRequest, NotFound
from agents.limits import DISPLAY_NAME_MAX, SESSION_VAULTS_MAX, VAULT_CREDENTIALS_MAX
from agents.metadata import check_metadata, merge_metadata
from agents.models import AuthType, Credential, Vault
from agents.outbox import emit
from agents.services.credential_secrets import sealed_columns


@transaction.atomic
def create_vault(body: dict[str, Any], *, actor: Actor) -> Vault:
    """`body` has the wire's create members."""
    now = timezone.now()
    vault: Vault = Vault.objects.create(
        workspace=actor.workspace,
        display_name=_checked_name(body["display_name"]),
        metadata=check_metadata(body.get("metadata")),
        created_at=now,
        updated_at=now,
    )
    emit(actor.workspace, "vault.created", vault.pk)
    audit.record(actor, "vault.created", vault.pk, name=vault.display_name)
    return vault


@transaction.atomic
def update_vault(vault: Vault, body: dict[str, Any], *, actor: Actor, edition: str = "") -> Vault:
    """Omitted and null members stay; what changes nothing leaves no trace."""
    vault = _lock_open(vault)
    wanted: dict[str, Any] = {}
    if body.get("display_name") is not None:
        wanted["display_name"] = _checked_name(body["display_name"])
    if body.get("metadata"):
        wanted["metadata"] = merge_metadata(vault.metadata, body["metadata"])
    changes = {name: value for name, value in wanted.items() if value != getattr(vault, name)}
    check_edition(edition, vault, changes)
    if changes:
        Vault.objects.filter(pk=vault.pk).update(updated_at=timezone.now(), **changes)
        vault.refresh_from_db()
        audit.record(actor, "vault.updated", vault.pk, name=vault.display_name, detail=", ".join(changes))
    return vault


@transaction.atomic
def archive_vault(vault: Vault, *, actor: Actor) -> Vault:
    """Its credentials are archived with it, which wipes their secrets; archiving twice keeps the first time."""
    vault = _lock(vault)
    if vault.is_archived:
        return vault
    for credential in vault.credentials.filter(archived_at=None):
        archive_credential(credential, actor=actor)
    now = timezone.now()
    Vault.objects.filter(pk=vault.pk).update(archived_at=now, updated_at=now)
    emit(vault.workspace_id, "vault.archived", vault.pk)
    audit.record(actor, "vault.archived", vault.pk, name=vault.display_name)
    vault.refresh_from_db()
    return vault


@transaction.atomic
def delete_vault(vault: Vault, *, actor: Actor) -> None:
    """Its credentials are deleted with it; sessions that name it go on without."""
    vault = _lock(vault)
    for credential in vault.credentials.all():
        delete_credential(credential, actor=actor)
    emit(vault.workspace_id, "vault.deleted", vault.pk)
    audit.record(actor, "vault.deleted", vault.pk, name=vault.display_name)
    vault.delete()


def create_credential(vault: Vault, body: dict[str, Any], *, actor: Actor) -> Credential:
    """`body` has the wire's create members; its secrets are sealed before they reach the database."""
    try:
        with transaction.atomic():
            vault = _lock_open(vault)
            if vault.credentials.filter(archived_at=None).count() >= VAULT_CREDENTIALS_MAX:
                raise InvalidRequest(f"A vault holds at most {VAULT_CREDENTIALS_MAX} active credentials.")
            credential = _sealed_credential(vault, body)
            credential.save(force_insert=True)
            emit(vault.workspace_id, "vault_credential.created", credential.pk, vault_id=vault.pk)
            audit.record(actor, "vault_credential.created", credential.pk, name=str(credential))
    except IntegrityError as error:
        what = "variable" if body["auth"]["type"] == AuthType.ENVIRONMENT_VARIABLE else "MCP server"
        raise Conflict(f"The vault has an active credential for this {what} already.") from error
    return credential


@transaction.atomic
def update_credential(credential: Credential, body: dict[str, Any], *, actor: Actor, edition: str = "") -> Credential:
    """Omitted members stay. What the credential is for never changes; what changes nothing leaves no trace."""
    credential = lock_credential(credential)
    if credential.is_archived:
        raise InvalidRequest(f"The credential {credential.pk} is archived: it takes no more changes.")
    now = timezone.now()
    changes = _changed_columns(credential, body)
    if body.get("auth"):
        auth = changed_auth(credential.auth, body["auth"], now)
        if auth.shown != credential.auth:
            changes["auth"] = auth.shown
        if auth.secrets:
            changes |= sealed_columns(credential, auth.secrets)
    check_edition(edition, credential, changes)
    if changes:
        Credential.objects.filter(pk=credential.pk).update(updated_at=now, **changes)
        credential.refresh_from_db()
        detail = ", ".join("secret" if name == "sealed" else name for name in changes if name != "secret_changed_at")
        audit.record(actor, "vault_credential.updated", credential.pk, name=str(credential), detail=detail)
    return credential


@transaction.atomic
def archive_credential(credential: Credential, *, actor: Actor) -> Credential:
    """The secret is gone for good and the slot is free; archiving twice keeps the first time."""
    credential = lock_credential(credential)
    if not credential.is_archived:
        now = timezone.now()
        Credential.objects.filter(pk=credential.pk).update(archived_at=now, updated_at=now, sealed="")
        vault = credential.vault
        emit(vault.workspace_id, "vault_credential.archived", credential.pk, vault_id=vault.pk)
        audit.record(actor, "vault_credential.archived", credential.pk, name=str(credential))
        credential.refresh_from_db()
    return credential


@transaction.atomic
def delete_credential(credential: Credential, *, actor: Actor) -> None:
    """The secret is gone for good; sessions that use it go on without."""
    credential = lock_credential(credential)
    vault = credential.vault
    emit(vault.workspace_id, "vault_credential.deleted", credential.pk, vault_id=vault.pk)
    audit.record(actor, "vault_credential.deleted", credential.pk, name=str(credential))
    credential.delete()


def checked_vault_ids(vault_ids: Sequence[str], *, actor: Actor) -> list[str]:
    """The vaults that something of this workspace is to use: each exists, once, and is not archived."""
    if len(vault_ids) > SESSION_VAULTS_MAX:
        raise InvalidRequest(f"vault_ids: at most {SESSION_VAULTS_MAX} are allowed.")
    for index, vault_id in enumerate(vault_ids):
        if vault_id in vault_ids[:index]:
            raise InvalidRequest(f"vault_ids.{index}: {vault_id!r} appears twice.")
        if access_vault(actor, vault_id).is_archived:
            raise InvalidRequest(f"vault_ids.{index}: the vault {vault_id} is archived.")
    return list(vault_ids)


def lock_credential(credential: Credential) -> Credential:
    """The row lock, held until the commit."""
    Credential.objects.filter(pk=credential.pk).update(slot=F("slot"))
    locked = Credential.objects.select_related("vault").filter(pk=credential.pk).first()
    if locked is None:
        raise NotFound(f"Credential {credential.pk!r} was not found.")
    return locked


def _lock(vault: Vault) -> Vault:
    Vault.objects.filter(pk=vault.pk).update(display_name=F("display_name"))
    locked: Vault | None = Vault.objects.filter(pk=vault.pk).first()
    if locked is None:
        raise NotFound(f"Vault {vault.pk!r} was not found.")
    return locked


def _lock_open(vault: Vault) -> Vault:
    vault = _lock(vault)
    if vault.is_archived:
        raise InvalidRequest(f"The vault {vault.pk} is archived: it takes no more changes.")
    return vault


def _sealed_credential(vault: Vault, body: dict[str, Any]) -> Credential:
    now = timezone.now()
    auth = new_auth(body["auth"], now)
    credential = Credential(
        vault=vault,
        display_name=body.get("display_name") and _checked_name(body["display_name"]),
        metadata=check_metadata(body.get("metadata")),
        auth_type=auth.shown["type"],
        auth=auth.shown,
        slot=slot_of(auth.shown),
        secret_changed_at=now,
        created_at=now,
        updated_at=now,
    )
    credential.sealed = seal(json.dumps(auth.secrets), purpose=purpose_of(credential, "sealed"))
    return credential


def _changed_columns(credential: Credential, body: dict[str, Any]) -> dict[str, Any]:
    wanted: dict[str, Any] = {}
    if "display_name" in body:
        name = body["display_name"]
        wanted["display_name"] = name if name is None else _checked_name(name)
    if body.get("metadata"):
        wanted["metadata"] = merge_metadata(credential.metadata, body["metadata"])
    return {name: value for name, value in wanted.items() if value != getattr(credential, name)}


def _checked_name(name: str) -> str:
    if not 1 <= len(name) <= DISPLAY_NAME_MAX:
        raise InvalidRequest(f"display_name: it must have 1 to {DISPLAY_NAME_MAX} characters.")
    return name
