"""PURE: claims about the same case, together: what they are about, and whether they are worth a request."""

import hashlib
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from dreams.claims import Claim
from dreams.entries import FOLDERS
from dreams.fixes import Fix
from dreams.limits import (
    CLAIMS_SHOWN_TO_REDUCE_MAX,
    PITFALL_SESSIONS_MIN,
)
from dreams.wording import counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """Claims about one thing. Its fix is the one that most principals, then most sessions, made work."""

    kind: str
    subject: str
    claims: tuple[Claim, ...]
    is_tainted: bool = False
    others: tuple[Claim, ...] = ()  # claims of the same case that made another fix work

    @property
    def key(self) -> str:
        """Equal for the same case in any dream, and the only thing an entry's id depends on."""
        text = "\x1f".join([self.kind, self.subject, "tainted" if self.is_tainted else ""])
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def first(self) -> Claim:
        return self.claims[0]

    @property
    def fix(self) -> Fix | None:
        return self.first.fix if self.kind == "workaround" else None

    @property
    def sessions(self) -> tuple[str, ...]:
        return tuple(sorted({claim.session_id for claim in self.claims}))

    @property
    def principals(self) -> tuple[str, ...]:
        return tuple(sorted({claim.principal for claim in self.claims}))

    def seen_to_work(self, fix: Fix) -> int:
        """In how many sessions a call worked after this change."""
        same = (fix.edits, fix.changed)
        return len({c.session_id for c in self.claims if c.fix and (c.fix.edits, c.fix.changed) == same})

    @property
    def counts(self) -> frozenset[str]:
        """The only counts that an entry's text may give: how often each change was followed by success."""
        seen = {self.seen_to_work(claim.fix) for claim in self.claims if claim.fix}
        return frozenset(counted(number, len(self.sessions)) for number in seen)

    @property
    def last_seen(self) -> str:
        return max((claim.at[:10] for claim in self.claims), default="")

    @property
    def shown(self) -> tuple[Claim, ...]:
        return self.claims[:CLAIMS_SHOWN_TO_REDUCE_MAX]

    @property
    def names(self) -> dict[str, Claim]:
        """The names under which the request shows the claims."""
        return {f"c{i}": claim for i, claim in enumerate(self.shown, 1)}


def cluster_claims(claims: Iterable[Claim]) -> list[Cluster]:
    """Group claims by what code knows of them; what came from a tainted source never joins what did not."""
    groups: dict[tuple[str, str, bool], list[Claim]] = defaultdict(list)
    for claim in claims:
        groups[claim.kind, subject_of(claim), claim.is_tainted or claim.trust == 0].append(claim)
    clusters = [_cluster(kind, subject, tainted, found) for (kind, subject, tainted), found in sorted(groups.items())]
    return [cluster for cluster in _with_pitfalls_folded(clusters) if _is_worth_it(cluster)]


def subject_of(claim: Claim) -> str:
    """What a claim is about: its mined case where there is one, else its own words, whatever their case and blanks."""
    if claim.program and claim.signature:
        return "\x1f".join([claim.program, claim.scope, claim.signature])
    if claim.tools:
        return "\x1f".join(claim.tools)
    words = re.sub(r"\W+", " ", unicodedata.normalize("NFKC", f"{claim.when} {claim.text}").casefold()).strip()
    return words if claim.kind in ("preference", "fact") else words[:200]


def _cluster(kind: str, subject: str, tainted: bool, claims: Sequence[Claim]) -> Cluster:
    ordered = sorted(claims, key=_order)
    if kind != "workaround":
        return Cluster(kind=kind, subject=subject, claims=tuple(ordered), is_tainted=tainted)
    by_fix: dict[Any, list[Claim]] = defaultdict(list)
    for claim in ordered:
        by_fix[claim.fix.edits if claim.fix else ()].append(claim)
    best = min(by_fix, key=lambda edits: (-len({c.principal for c in by_fix[edits]}), -len(by_fix[edits]), edits))
    others = tuple(claim for claim in ordered if claim not in by_fix[best])
    return Cluster(kind=kind, subject=subject, claims=tuple(by_fix[best]), is_tainted=tainted, others=others)


def _order(claim: Claim) -> tuple[Any, ...]:
    """An order that does not depend on the order of the sessions; where only some of them saw a fix, those first."""
    return (claim.fix is None, claim.when, claim.text, claim.session_id, claim.id)


def _with_pitfalls_folded(clusters: list[Cluster]) -> list[Cluster]:
    """Without the pitfalls for which a way out was found in other sessions: one case, one entry."""
    solved = {cluster.subject for cluster in clusters if cluster.kind == "workaround" and not cluster.is_tainted}
    return [c for c in clusters if not (c.kind == "pitfall" and c.subject in solved and not c.is_tainted)]


def _is_worth_it(cluster: Cluster) -> bool:
    """An error that one session met is no pitfall yet. What is to be quarantined is always shown."""
    if cluster.kind == "pitfall" and cluster.first.signature and not cluster.is_tainted:
        return len(cluster.sessions) >= PITFALL_SESSIONS_MIN
    return True


def suggested_path(cluster: Cluster) -> str:
    """Where an entry of this cluster belongs: the folder of its kind, the file of its tool or file type."""
    claim = cluster.first
    name = claim.program or (claim.tools[0] if claim.tools else "") or "general"
    slug = re.sub(r"[^a-z0-9]+", "-", name.casefold()).strip("-")[:60] or "general"
    return f"/{FOLDERS[cluster.kind]}/{slug}.md"
