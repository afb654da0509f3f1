"""PURE: which of many finished sessions a dream reads: recovered errors first, every kind of case, nobody too loud."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from dreams.limits import PRINCIPAL_SHARE_MAX


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A finished session that was not read yet. `case` is the signature of its first error, empty without one."""

    session_id: str
    agent_id: str
    principal: str
    at: datetime
    case: str = ""
    is_completed: bool = True

    @property
    def is_recovered(self) -> bool:
        """It met an error and did its job all the same: what a lesson is made of."""
        return self.is_completed and bool(self.case)


def pick(candidates: Sequence[Candidate], limit: int) -> list[str]:
    """At most `limit` session ids. Cases take turns, so that a frequent one does not push the rare ones out; inside a
    case sessions that recovered come first, then the newest. One principal gets a fifth of the places, more only where
    nobody else's sessions are left."""
    share = max(1, int(limit * PRINCIPAL_SHARE_MAX))
    taken: list[str] = []
    over: list[Candidate] = []
    counts: Counter[str] = Counter()
    for candidate in _in_turns(candidates):
        if len(taken) == limit:
            break
        if counts[candidate.principal] >= share:
            over.append(candidate)
            continue
        counts[candidate.principal] += 1
        taken.append(candidate.session_id)
    return taken + [candidate.session_id for candidate in over[: limit - len(taken)]]


def _in_turns(candidates: Sequence[Candidate]) -> list[Candidate]:
    cases: dict[tuple[str, str, bool], list[Candidate]] = defaultdict(list)
    for candidate in sorted(candidates, key=_best_first):
        cases[candidate.agent_id, candidate.case, candidate.is_completed].append(candidate)
    order = sorted(cases.values(), key=lambda group: _best_first(group[0]))
    longest = max((len(group) for group in order), default=0)
    return [group[place] for place in range(longest) for group in order if place < len(group)]


def _best_first(candidate: Candidate) -> tuple[bool, float, str]:
    return (not candidate.is_recovered, -candidate.at.timestamp(), candidate.session_id)
