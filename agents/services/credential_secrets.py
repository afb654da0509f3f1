"""The secrets of credentials: sealed for the database, in the clear for those who use them and for nobody's eyes."""

import json
import logging
from collections.abc import Sequence
from typing import Any

from django.utils import timezone

from agents.credential_auth import mcp_slot
from agents.crypto import placeholder, purpose_of, seal, unseal
from agents.exceptions import SecretUnreadable
from agents.models import AuthType, Credential, Workspace
from agents.sandbox.base import Variable

logger = logging.getLogger(__name__)


def secrets_of(credential: Credential) -> dict[str, str]:
    """The credential's secrets in the clear: for use, never for show."""
    secrets: dict[str, str] = json.loads(unseal(credential.sealed, purpose=purpose_of(credential, "sealed")))
    return secrets


def sealed_columns(credential: Credential, secrets: dict[str, str]) -> dict[str, Any]:
    """The columns that keep these secrets beside those that stay."""
    # Only OAuth has several: where the one secret is replaced, an old one that no key opens any more is no obstacle.
    kept = secrets_of(credential) if credential.auth_type == AuthType.MCP_OAUTH else {}
    sealed = seal(json.dumps({**kept, **secrets}), purpose=purpose_of(credential, "sealed"))
    return {"sealed": sealed, "secret_changed_at": timezone.now()}


def find_mcp_credential(workspace: Workspace, vault_ids: Sequence[str], url: str) -> Credential | None:
    """The credential for a server among these vaults; the first vault that has one wins."""
    active = Credential.objects.filter(vault__workspace=workspace, vault__in=vault_ids, archived_at=None)
    found = {credential.vault_id: credential for credential in active.filter(slot=mcp_slot(url))}
    return next((found[vault_id] for vault_id in vault_ids if vault_id in found), None)


def variables_of(session_id: str, workspace_id: str, vault_ids: Sequence[str]) -> list[Variable]:
    """The environment variables that these vaults give a session's commands; of one name, the first vault's."""
    if not vault_ids:
        return []
    active = Credential.objects.filter(vault__workspace=workspace_id, vault__in=vault_ids, archived_at=None)
    rows = active.filter(auth_type=AuthType.ENVIRONMENT_VARIABLE).order_by("created_at", "pk")
    found = sorted(rows, key=lambda each: vault_ids.index(each.vault_id))
    variables: dict[str, Variable] = {}
    for credential in found:
        if credential.target not in variables and (variable := _variable(credential, session_id)):
            variables[variable.name] = variable
    return list(variables.values())


def _variable(credential: Credential, session_id: str) -> Variable | None:
    try:
        value = secrets_of(credential)["secret_value"]
    except SecretUnreadable as error:
        logger.error("%s", error)  # the operator's to mend; the session's other tools work without it
        return None
    networking, location = credential.auth["networking"], credential.auth["injection_location"]
    return Variable(
        name=credential.target,
        placeholder=placeholder(session_id, credential.pk),
        value=value,
        hosts=tuple(networking["allowed_hosts"]) if networking["type"] == "limited" else None,
        in_header=location["header"],
        in_body=location["body"],
    )
