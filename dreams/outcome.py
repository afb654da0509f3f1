"""What a dream leaves behind: a review with its proposals and their evidence, and the candidate copy of the store."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone

from agents.actors import Actor
from agents.outbox import emit
from dreams import promotion
from dreams.changes import Change, apply_changes
from dreams.claims import Claim
from dreams.decisions import record
from dreams.entries import entries_hash
from dreams.gate import AUTO, QUARANTINE, REJECTED, REVIEW, Ruling
from dreams.models import Decision, Dream, Evidence, Proposal, ProposalStatus, Review
from dreams.preview import words_changed
from dreams.sameness import duplicate_key_of
from dreams.store_files import write_files
from dreams.wording import uncounted
from memory.models import MemoryStore, MemoryVersion
from memory.provenance import Provenance

SUPERSEDABLE = (ProposalStatus.PENDING, ProposalStatus.STALE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    change: Change
    ruling: Ruling


def without_rejected(dream: Dream, judged: Sequence[Judged]) -> tuple[list[Judged], int]:
    """Leave out what a person has turned down before in these very words; returns also how many that were."""
    rejected = Proposal.objects.filter(
        store=dream.input_store_id, status=ProposalStatus.REJECTED, decided_at__isnull=False
    ).values_list("kind", "after", "targets")  # a rule's refusal has no time of decision
    known = {_same(kind, after, [target["entry_id"] for target in targets]) for kind, after, targets in rejected}
    kept = [item for item in judged if _same_of(item.change) not in known]
    return kept, len(judged) - len(kept)


def _same_of(change: Change) -> tuple[Any, ...]:
    return _same(change.op, change.after, [entry.id for entry in change.targets])


def _same(kind: str, after: str, targets: Sequence[str]) -> tuple[Any, ...]:
    return (kind, duplicate_key_of(uncounted(after)), tuple(sorted(targets)))


def write_review(dream: Dream, review_id: str, judged: Sequence[Judged], actor: Actor) -> Review:
    """The review, its proposals and their evidence, in the caller's transaction."""
    review = Review.objects.create(
        pk=review_id, workspace_id=dream.workspace_id, dream=dream, store_id=dream.input_store_id
    )
    _supersede_older(dream, judged)
    ordered = sorted(judged, key=lambda item: (-item.ruling.rank, item.change.path, item.change.entry_id))
    proposals = [_proposal(dream, review, position, item) for position, item in enumerate(ordered)]
    Proposal.objects.bulk_create(proposals)
    Evidence.objects.bulk_create(
        row for proposal, item in zip(proposals, ordered, strict=True) for row in _evidence(proposal, item.change)
    )
    Decision.objects.bulk_create(
        _refusal(proposal) for proposal in proposals if proposal.status == ProposalStatus.REJECTED
    )
    emit(dream.workspace_id, "review.created", review.pk, proposals=len(proposals))
    return review


def _supersede_older(dream: Dream, judged: Sequence[Judged]) -> None:
    """Older proposals that still wait about the same case give way to the newer one. What a rule refused takes nobody's
    place, and what is in quarantine only that of its like: a poisoned session must not clear the inbox."""
    waiting = Proposal.objects.filter(store=dream.input_store_id, status__in=SUPERSEDABLE)
    old = [
        pk
        for pk, lane, support, targets in waiting.values_list("pk", "lane", "support", "targets")
        if _has_newer(judged, lane, support.get("case"), {(t["path"], t["entry_id"]) for t in targets})
    ]
    Proposal.objects.filter(pk__in=old, status__in=SUPERSEDABLE).update(
        status=ProposalStatus.SUPERSEDED, updated_at=timezone.now()
    )


def _has_newer(judged: Sequence[Judged], lane: str, case: str | None, names: set[tuple[str, str]]) -> bool:
    lanes = (AUTO, REVIEW, QUARANTINE) if lane == QUARANTINE else (AUTO, REVIEW)
    return any(
        (case and item.change.cluster_key == case) or not names.isdisjoint((e.path, e.id) for e in item.change.targets)
        for item in judged
        if item.ruling.lane in lanes
    )


def _proposal(dream: Dream, review: Review, position: int, item: Judged) -> Proposal:
    change, ruling = item.change, item.ruling
    added, removed = words_changed(kind=change.op, path=change.path, entries=change.targets, text=change.after)
    return Proposal(
        workspace_id=dream.workspace_id,
        review=review,
        store_id=dream.input_store_id,
        position=position,
        kind=change.op,
        topic=change.topic,
        status=ProposalStatus.REJECTED if ruling.lane == REJECTED else ProposalStatus.PENDING,
        path=change.path,
        targets=[{"entry_id": e.id, "path": e.path, "sha256": e.sha256, "text": e.text} for e in change.targets],
        before=change.before,
        after=change.after,
        base_sha256=entries_hash(change.targets),
        reason=change.reason,
        claims=[_claim(claim) for claim in change.claims],
        support={
            "sessions": len(change.sessions),
            "principals": len(change.principals),
            "last_seen": max((claim.at[:10] for claim in change.claims), default=""),
            "counter_examples": len({claim.session_id for claim in change.counter}),
            "case": change.cluster_key,
        },
        lane=ruling.lane,
        lane_reasons=list(ruling.reasons),
        risks=[finding.to_json() for finding in ruling.findings],
        risk_rank=ruling.rank,
        words_added=added,
        words_removed=removed,
        evidence_count=len(change.cited),
        updated_at=timezone.now(),
    )


def _claim(claim: Claim) -> dict[str, Any]:
    return {
        "id": claim.id,
        "session_id": claim.session_id,
        "kind": claim.kind,
        "when": claim.when,
        "claim": claim.text,
        "trust": claim.trust,
        "tainted_by": claim.tainted_by,
        "signature": claim.signature,
    }


def _evidence(proposal: Proposal, change: Change) -> list[Evidence]:
    return [
        Evidence(
            proposal=proposal,
            position=position,
            session_id=cite.session_id,
            event_id=cite.event_id,
            event_type=cite.event_type,
            quote=cite.quote,
            speaker=cite.speaker[:64],
            trust=cite.trust,
            principal=cite.principal,
            occurred_at=datetime.fromisoformat(cite.at) if cite.at else None,
        )
        for position, cite in enumerate(change.cited)
    ]


def _refusal(proposal: Proposal) -> Decision:
    return Decision(
        workspace_id=proposal.workspace_id,
        proposal=proposal,
        verb=Decision.Verb.AUTO,
        from_status=ProposalStatus.PENDING,
        to_status=ProposalStatus.REJECTED,
        revision=1,
        base_sha256=proposal.base_sha256,
        reason=" ".join(proposal.lane_reasons),
    )


def fill_candidate(
    dream: Dream, candidate: MemoryStore, files: Mapping[str, str], judged: Sequence[Judged], actor: Actor
) -> list[dict[str, str]]:
    """Write every change of the lanes auto and review into the candidate copy; quarantined text reaches no store.
    Returns the new versions."""
    changes = [item.change for item in judged if item.ruling.lane in (AUTO, REVIEW)]
    after = apply_changes(files, changes)
    provenance = Provenance(dream_id=dream.pk, note="A candidate: nobody has reviewed it yet.")
    return write_files(candidate, dict(files), after, actor=actor, provenance=provenance)


def apply_auto(review: Review, actor: Actor) -> list[dict[str, str]]:
    """Approve and apply what the open gate lets through, in the caller's transaction; each leaves its two records.
    Returns the new versions."""
    written: list[dict[str, str]] = []
    for proposal in review.proposals.filter(lane=AUTO, status=ProposalStatus.PENDING).select_related("store", "review"):
        moved = Proposal.objects.filter(pk=proposal.pk, status=ProposalStatus.PENDING).update(
            status=ProposalStatus.APPROVED, decided_at=timezone.now(), updated_at=timezone.now()
        )
        if not moved:
            continue
        statuses = (ProposalStatus.PENDING, ProposalStatus.APPROVED)
        record(proposal, Decision.Verb.AUTO, *statuses, actor=actor, reason=" ".join(proposal.lane_reasons))
        proposal.refresh_from_db()
        written += (promotion.apply_proposal(proposal, actor=actor).applied or {}).get("versions", [])
    return written


def versions_written(written: Sequence[Mapping[str, str]]) -> list[dict[str, Any]]:
    """Versions as the manifest lists them, with what they did and the hash of what stands there now."""
    ids = [version["version_id"] for version in written]
    found = MemoryVersion.objects.in_bulk(ids)
    return [
        {"path": v["path"], "version_id": pk, "operation": found[pk].operation, "sha256": found[pk].content_sha256}
        for v, pk in zip(written, ids, strict=True)
    ]


def count_lanes(judged: Sequence[Judged]) -> dict[str, int]:
    counts: dict[str, int] = defaultdict(int)
    for item in judged:
        counts[item.ruling.lane] += 1
    return {lane: counts[lane] for lane in (AUTO, REVIEW, QUARANTINE, REJECTED)}
