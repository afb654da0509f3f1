"""Vaults, credentials and what a check of one found; no shape knows a secret."""

from typing import Any

from agents.eventlog.wire import timestamp
from agents.models import Credential, Vault


def vault_shape(vault: Vault) -> dict[str, Any]:
    return {
        "id": vault.pk,
        "type": "vault",
        "display_name": vault.display_name,
        "metadata": vault.metadata,
        "created_at": timestamp(vault.created_at),
        "updated_at": timestamp(vault.updated_at),
        "archived_at": timestamp(vault.archived_at),
    }


def credential_shape(credential: Credential) -> dict[str, Any]:
    return {
        "id": credential.pk,
        "type": "vault_credential",
        "vault_id": credential.vault_id,
        "display_name": credential.display_name,
        "metadata": credential.metadata,
        "auth": _auth_shape(credential.auth),
        "created_at": timestamp(credential.created_at),
        "updated_at": timestamp(credential.updated_at),
        "archived_at": timestamp(credential.archived_at),
    }


def _auth_shape(auth: dict[str, Any]) -> dict[str, Any]:
    """A token's expiry is absent where nobody knows it."""
    return {name: value for name, value in auth.items() if name != "expires_at" or value}


def validation_shape(credential: Credential, found: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "vault_credential_validation",
        "credential_id": credential.pk,
        "vault_id": credential.vault_id,
        **found,
        "validated_at": timestamp(found["validated_at"]),
    }
