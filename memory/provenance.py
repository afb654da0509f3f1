"""PURE: what led to a memory version, as it is stored beside it."""

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """A promoted proposal's trail: which dream proposed it, who approved it, and the events that prove it.

    `evidence` holds `{"session_id", "event_id"}` pairs; `note` says in a sentence what was done, such as an undo, or
    why a person changed the file by hand.
    """

    proposal_id: str | None = None
    dream_id: str | None = None
    review_id: str | None = None
    reviewer_id: str | None = None
    evidence: list[dict[str, Any]] = field(default_factory=list)
    note: str = ""

    def stored(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if value}
