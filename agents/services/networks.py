"""What the commands of a session may reach: its environment's word, and the secrets of its vaults for the way."""

from typing import Any

from django.conf import settings

from agents.addresses import is_allowed
from agents.definitions.multiagent import mcp_urls
from agents.environment_config import reachable_hosts
from agents.eventlog import statements
from agents.models import AuthType, Credential, Session
from agents.sandbox.base import Network
from agents.services.credential_secrets import variables_of


def network_of_session(session_id: str) -> Network | None:
    """None where nothing is reached: the operator's word, or a session that is gone."""
    found = statements.network_of.first(session_id) if settings.LUCID_EGRESS else None
    if found is None:
        return None
    config, workspace_id, vault_ids = found
    names_servers = (config.get("networking") or {}).get("allow_mcp_servers")
    urls = mcp_urls(Session.objects.only("agent_snapshot").get(pk=session_id).agent_snapshot) if names_servers else []
    return Network(reachable_hosts(config, urls), tuple(variables_of(session_id, workspace_id, vault_ids)))


def unreachable_credentials(session_id: str, network: Network | None) -> list[dict[str, Any]]:
    """The wire's error for each secret that may go to a host which the session's network does not permit."""
    if network is None or network.hosts is None or not network.variables:
        return []
    session = Session.objects.only("workspace_id", "vault_ids").get(pk=session_id)
    active = Credential.objects.filter(vault__workspace=session.workspace_id, vault__in=session.vault_ids)
    found = active.filter(archived_at=None, auth_type=AuthType.ENVIRONMENT_VARIABLE).order_by("pk")
    errors = (_unreachable(credential, network.hosts) for credential in found)
    return [error for error in errors if error]


def _unreachable(credential: Credential, hosts: tuple[str, ...]) -> dict[str, Any] | None:
    networking = credential.auth["networking"]
    wanted = networking["allowed_hosts"] if networking["type"] == "limited" else []
    missing = [host for host in wanted if not is_allowed(host.lower().removeprefix("https://"), hosts)]
    if not missing:
        return None
    return {
        "type": "credential_host_unreachable_error",
        "message": f"The network of the environment does not permit {', '.join(missing)}, where {credential.target} may"
        " be sent.",
        "credential_id": credential.pk,
        "vault_id": credential.vault_id,
        "retry_status": {"type": "retrying"},
    }
