"""PURE: the words of a web search: what was found, why nothing was, and what whoever searches must offer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

# Those that models know from the Messages API.
FailureCode = Literal["invalid_tool_input", "query_too_long", "too_many_requests", "unavailable"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A page that was found. All of it is somebody else's word."""

    url: str
    title: str
    text: str


class SearchFailed(Exception):
    """The search was not answered; the text says why in our own words: of what the other side said it has nothing."""

    def __init__(self, code: FailureCode, reason: str) -> None:
        super().__init__(reason)
        self.code = code


class SearchProvider(Protocol):
    """Whoever searches the web for agents; the class that `SEARCH_PROVIDER` names makes one without arguments. Keys
    and headers are its own affair."""

    @property
    def connected_to(self) -> str:
        """A name or address that people may read, without secrets; empty while there is nobody to ask."""

    def search(self, query: str, *, location: Mapping[str, Any] | None) -> Sequence[Hit]:
        """The best first, within `limits.SEARCH_SECONDS`. `location`: the wire's `user_location`, for a provider that
        can use it. Raises `SearchFailed`; called from several threads at once."""
