"""Which web tools this installation cannot offer, and why: what models are not shown, and what pages say of it."""

from django.conf import settings

from agents.definitions.web import FETCH, SEARCH
from agents.plugs import search_provider

NO_NETWORK = "LUCID_EGRESS=off keeps agents off the network"
NOBODY_TO_ASK = "no search engine is connected, as LUCID_SEARCH_URL is not set"


def missing_web_tools() -> dict[str, str]:
    """Reasons by name; the tools that are offered are not in it."""
    if not settings.LUCID_EGRESS:
        return dict.fromkeys((FETCH, SEARCH), NO_NETWORK)
    return {} if search_provider().connected_to else {SEARCH: NOBODY_TO_ASK}
