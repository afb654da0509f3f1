"""Vaults and their credentials."""

from typing import Any

from anthropic.types.beta import VaultCreateParams, VaultUpdateParams
from anthropic.types.beta.vaults import CredentialCreateParams, CredentialUpdateParams
from ninja import Router

from agents.access import access_credential, access_vault
from agents.api import queries
from agents.api.auth import ApiRequest
from agents.api.bodies import Body
from agents.api.openapi import asks, takes
from agents.api.pagination import live_or_all, page_of
from agents.api.shapes.vaults import credential_shape, validation_shape, vault_shape
from agents.models import Credential, Vault
from agents.services import vaults as services
from agents.services.credential_checks import validate_oauth

router = Router(tags=["vaults"])
create_body = Body(VaultCreateParams)
update_body = Body(VaultUpdateParams)
credential_create_body = Body(CredentialCreateParams)
credential_update_body = Body(CredentialUpdateParams, elsewhere=["vault_id"])
vaults = live_or_all(lambda workspace: Vault.objects.in_workspace(workspace))


@router.post("", openapi_extra=takes(create_body))
def create_vault(request: ApiRequest) -> dict[str, Any]:
    return vault_shape(services.create_vault(create_body(request), actor=request.auth))


@router.get("", openapi_extra=asks("limit", "page", "include_archived"))
def list_vaults(request: ApiRequest) -> dict[str, Any]:
    rows = vaults[queries.flag(request, "include_archived")]
    return page_of(request, rows.of(request.auth.workspace.pk), vault_shape, listing="vaults")


@router.get("/{vault_id}")
def get_vault(request: ApiRequest, vault_id: str) -> dict[str, Any]:
    return vault_shape(access_vault(request.auth, vault_id))


@router.post("/{vault_id}", openapi_extra=takes(update_body))
def update_vault(request: ApiRequest, vault_id: str) -> dict[str, Any]:
    vault = access_vault(request.auth, vault_id)
    return vault_shape(services.update_vault(vault, update_body(request), actor=request.auth))


@router.post("/{vault_id}/archive")
def archive_vault(request: ApiRequest, vault_id: str) -> dict[str, Any]:
    return vault_shape(services.archive_vault(access_vault(request.auth, vault_id), actor=request.auth))


@router.delete("/{vault_id}")
def delete_vault(request: ApiRequest, vault_id: str) -> dict[str, Any]:
    services.delete_vault(access_vault(request.auth, vault_id), actor=request.auth)
    return {"id": vault_id, "type": "vault_deleted"}


@router.post("/{vault_id}/credentials", openapi_extra=takes(credential_create_body))
def create_credential(request: ApiRequest, vault_id: str) -> dict[str, Any]:
    vault = access_vault(request.auth, vault_id)
    body = credential_create_body(request)
    return credential_shape(services.create_credential(vault, body, actor=request.auth))


@router.get("/{vault_id}/credentials", openapi_extra=asks("limit", "page", "include_archived"))
def list_credentials(request: ApiRequest, vault_id: str) -> dict[str, Any]:
    vault = access_vault(request.auth, vault_id)
    rows = Credential.objects.filter(vault=vault)
    if not queries.flag(request, "include_archived"):
        rows = rows.filter(archived_at=None)
    return page_of(request, rows, credential_shape, listing=f"credentials:{vault.pk}")


@router.get("/{vault_id}/credentials/{credential_id}")
def get_credential(request: ApiRequest, vault_id: str, credential_id: str) -> dict[str, Any]:
    return credential_shape(_credential(request, vault_id, credential_id))


@router.post("/{vault_id}/credentials/{credential_id}", openapi_extra=takes(credential_update_body))
def update_credential(request: ApiRequest, vault_id: str, credential_id: str) -> dict[str, Any]:
    credential = _credential(request, vault_id, credential_id)
    body = credential_update_body(request)
    return credential_shape(services.update_credential(credential, body, actor=request.auth))


@router.post("/{vault_id}/credentials/{credential_id}/archive")
def archive_credential(request: ApiRequest, vault_id: str, credential_id: str) -> dict[str, Any]:
    credential = _credential(request, vault_id, credential_id)
    return credential_shape(services.archive_credential(credential, actor=request.auth))


@router.delete("/{vault_id}/credentials/{credential_id}")
def delete_credential(request: ApiRequest, vault_id: str, credential_id: str) -> dict[str, Any]:
    services.delete_credential(_credential(request, vault_id, credential_id), actor=request.auth)
    return {"id": credential_id, "type": "vault_credential_deleted"}


@router.post("/{vault_id}/credentials/{credential_id}/mcp_oauth_validate")
def validate_credential(request: ApiRequest, vault_id: str, credential_id: str) -> dict[str, Any]:
    """Calls the credential's MCP server, and refreshes its token where the server refuses it."""
    credential = _credential(request, vault_id, credential_id)
    return validation_shape(credential, validate_oauth(credential, actor=request.auth))


def _credential(request: ApiRequest, vault_id: str, credential_id: str) -> Credential:
    return access_credential(access_vault(request.auth, vault_id), credential_id)
