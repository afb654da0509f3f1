"""PURE: what a store's tier permits to agents and dreams; a person may always write."""

from typing import Any

from agents.exceptions import InvalidRequest

READ_ONLY = "read_only"
READ_WRITE = "read_write"
_WORKING = "working"


def agents_may_write(tier: str) -> bool:
    """Standards and confirmed facts reach an agent, and nothing of an agent reaches them."""
    return tier == _WORKING


dreams_may_write = agents_may_write


def access_for(tier: str, wanted: Any) -> str:
    """The access a session gets: as wanted, else the most that the tier allows."""
    if agents_may_write(tier):
        return str(wanted or READ_WRITE)
    if wanted == READ_WRITE:
        raise InvalidRequest(f"access: a store of the tier {tier} can be attached read_only, not read_write.")
    return READ_ONLY
