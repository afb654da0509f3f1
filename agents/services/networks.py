"""What the commands of a session may reach: its environment's word, and the secrets of its vaults for the way."""

from django.conf import settings

from agents.definitions.multiagent import mcp_urls
from agents.environment_config import reachable_hosts
from agents.eventlog import statements
from agents.models import Session
from agents.sandbox.base import Network
from agents.services.vaults import variables_of


def network_of_session(session_id: str) -> Network | None:
    """None where nothing is reached: the operator's word, or a session that is gone."""
    found = statements.network_of.first(session_id) if settings.LUCID_EGRESS else None
    if found is None:
        return None
    config, workspace_id, vault_ids = found
    names_servers = (config.get("networking") or {}).get("allow_mcp_servers")
    urls = mcp_urls(Session.objects.only("agent_snapshot").get(pk=session_id).agent_snapshot) if names_servers else []
    return Network(reachable_hosts(config, urls), tuple(variables_of(session_id, workspace_id, vault_ids)))
