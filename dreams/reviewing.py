"""Decisions of people: approve, edit then approve, reject, release from quarantine, undo. Each is a compare-and-set on
status and revision: of two people who click at once exactly one wins, and the other is shown both texts."""

import re
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from agents.actors import Actor
from agents.exceptions import InvalidRequest, PermissionDenied
from agents.outbox import emit
from dreams import promotion
from dreams.decisions import record
from dreams.entries import WHOLE_FILE, Entry
from dreams.exceptions import ReviewConflict
from dreams.hidden_text import hidden_characters
from dreams.limits import ENTRY_MAX_CHARS
from dreams.models import Decision, Lane, Proposal, ProposalStatus
from dreams.preview import words_changed
from dreams.promotion import base_of, current_entries, entry_id_of
from dreams.reverting import revert_proposal
from dreams.risks import REJECT, scan
from dreams.store_files import read_files
from memory import services as memory_services
from memory.limits import CONTENT_MAX_BYTES
from memory.models import MemoryStore

DECIDABLE = (
    ProposalStatus.PENDING,
    ProposalStatus.STALE,
    ProposalStatus.APPLY_FAILED,
    ProposalStatus.REVERTED,
)


def approve_proposal(
    proposal: Proposal, *, actor: Actor, base_sha256: str | None = None, revision: int | None = None
) -> Proposal:
    """Into the store as it was shown. `base_sha256` and `revision` are what the person had before their eyes."""
    return _approve(proposal, None, actor=actor, base_sha256=base_sha256, revision=revision)


def edit_and_approve(
    proposal: Proposal, text: str, *, actor: Actor, base_sha256: str | None = None, revision: int | None = None
) -> Proposal:
    """Into the store in the reviewer's own words; the text is theirs, so no cite is asked of it."""
    if not proposal.has_text:
        raise InvalidRequest(f"text: a proposal to {proposal.kind} an entry has no text to edit.")
    return _approve(proposal, clean_text(proposal, text), actor=actor, base_sha256=base_sha256, revision=revision)


def clean_text(proposal: Proposal, text: str) -> str:
    """A person's text as the entry's line: its id stays whatever they did to it."""
    entry_id = entry_id_of(proposal)
    if entry_id == WHOLE_FILE:
        if len(text.encode()) > CONTENT_MAX_BYTES:
            raise InvalidRequest(f"text: a memory holds at most {CONTENT_MAX_BYTES:,} bytes.")
        return text
    body = re.sub(r"^\s*(?:[-*]\s+)?(?:\[[^\]\s]*\]\s+)?", "", " ".join(text.split()), count=1)
    if not body:
        raise InvalidRequest("text: there is no text left. To drop the change, reject it.")
    line = f"- [{entry_id.partition('~')[0]}] {body}"
    if len(line) > ENTRY_MAX_CHARS:
        raise InvalidRequest(f"text: an entry has at most {ENTRY_MAX_CHARS} characters; this one has {len(line)}.")
    if hidden := hidden_characters(line):
        raise InvalidRequest(f"text: it holds characters that nobody sees: {', '.join(hidden[:5])}.")
    refusals = [finding.message for finding in scan(line) if finding.severity == REJECT]
    if refusals and not [f for f in scan(proposal.after) if f.severity == REJECT]:
        raise InvalidRequest(f"text: {refusals[0]}")
    return line


def _approve(
    proposal: Proposal, text: str | None, *, actor: Actor, base_sha256: str | None, revision: int | None
) -> Proposal:
    actor.require_review()
    proposal.refresh_from_db()
    _check_may_be_approved(proposal, actor)
    mine = proposal.text if text is None else text
    _check_revision(proposal, revision, mine)
    entries = current_entries(proposal, read_files(proposal.store_id))
    base = _checked_base(proposal, entries, base_sha256, mine, actor)
    _decide(proposal, text, entries, base, actor)
    return _finish(proposal, actor)


def _check_may_be_approved(proposal: Proposal, actor: Actor) -> None:
    if proposal.lane == Lane.REJECT:
        raise InvalidRequest("A rule refused this proposal; it can never be approved.")
    if proposal.lane == Lane.QUARANTINE:
        raise InvalidRequest("The proposal is in quarantine: somebody has to release it first.")
    released = proposal.decisions.filter(verb=Decision.Verb.RELEASE).last()
    if released and _is_same_hand(released, actor):
        raise PermissionDenied("You released this from quarantine; a second person has to approve it.")
    if proposal.status not in DECIDABLE:
        raise ReviewConflict(
            f"{_who(proposal)} has decided this already: it is {proposal.get_status_display().lower()}.",
            mine=proposal.text,
            theirs=proposal.text,
        )


def _is_same_hand(decision: Decision, actor: Actor) -> bool:
    """A person is the same with a key of their own; a key that nobody is named for is only itself."""
    if decision.api_key_id and actor.api_key and decision.api_key_id == actor.api_key.pk:
        return True
    before = decision.member_id or (decision.api_key.created_by_id if decision.api_key else None)
    now = actor.member.pk if actor.member else actor.api_key.created_by_id if actor.api_key else None
    return before is not None and before == now


def _who(proposal: Proposal) -> str:
    return proposal.decided_by.user.get_username() if proposal.decided_by else "Somebody"


def _check_revision(proposal: Proposal, revision: int | None, mine: str) -> None:
    if revision is not None and revision != proposal.revision:
        raise ReviewConflict(
            f"The proposal was edited: it is at revision {proposal.revision}, not {revision}.",
            mine=mine,
            theirs=proposal.text,
        )


def _checked_base(proposal: Proposal, entries: list[Entry], seen: str | None, mine: str, actor: Actor) -> str:
    """The hash of the entries as they are, which must be what the person saw; else the proposal is stale."""
    base = base_of(entries)
    if base == (seen or proposal.base_sha256):
        return base
    theirs = "\n".join(entry.text for entry in entries)
    _mark_stale(proposal, actor)
    raise ReviewConflict("The entry was changed since this was proposed.", mine=mine, theirs=theirs)


def _mark_stale(proposal: Proposal, actor: Actor) -> None:
    with transaction.atomic():
        before = proposal.status
        stale = Proposal.objects.filter(
            pk=proposal.pk, status__in=[ProposalStatus.PENDING, ProposalStatus.APPLY_FAILED]
        )
        if stale.update(status=ProposalStatus.STALE, updated_at=timezone.now()):
            record(proposal, Decision.Verb.MARK_STALE, before, ProposalStatus.STALE, actor=actor)


def _decide(proposal: Proposal, text: str | None, entries: list[Entry], base: str, actor: Actor) -> None:
    """The decision's own transaction: the store comes after it."""
    was, revision = proposal.status, proposal.revision
    changes: dict[str, Any] = {"base_sha256": base}
    if base != proposal.base_sha256 and proposal.targets:
        changes["targets"] = [{"entry_id": e.id, "path": e.path, "sha256": e.sha256, "text": e.text} for e in entries]
        changes["before"] = "\n".join(entry.text for entry in entries)
    if text is not None and text != proposal.text:
        changes |= {"final_text": text, "revision": revision + 1}
    if "before" in changes or "final_text" in changes:
        written = changes.get("final_text", proposal.text)
        added, removed = words_changed(kind=proposal.kind, path=proposal.path, entries=entries, text=written)
        changes |= {"words_added": added, "words_removed": removed}
    now = timezone.now()
    with transaction.atomic():
        moved = Proposal.objects.filter(pk=proposal.pk, status=was, revision=revision).update(
            status=ProposalStatus.APPROVED, decided_at=now, updated_at=now, error="", decided_by=actor.member, **changes
        )
        if not moved:
            fresh = Proposal.objects.select_related("decided_by__user").get(pk=proposal.pk)
            mine = proposal.text if text is None else text
            raise ReviewConflict(f"{_who(fresh)} was faster.", mine=mine, theirs=fresh.text)
        proposal.refresh_from_db()
        verb = Decision.Verb.EDIT if "final_text" in changes else Decision.Verb.APPROVE
        record(proposal, verb, was, ProposalStatus.APPROVED, actor=actor)
        emit(proposal.workspace_id, "proposal.approved", proposal.pk)


def _finish(proposal: Proposal, actor: Actor) -> Proposal:
    applied = promotion.apply_proposal(proposal, actor=actor)
    settle_candidate(applied)
    return applied


def reject_proposal(
    proposal: Proposal, *, actor: Actor, reason_code: str = "", reason: str = "", revision: int | None = None
) -> Proposal:
    """Not into the store, and why."""
    actor.require_review()
    proposal.refresh_from_db()
    _check_revision(proposal, revision, proposal.text)
    was, now = proposal.status, timezone.now()
    if not reason_code and not reason.strip():
        raise InvalidRequest("reason: say why, so that the next dream can learn from it.")
    with transaction.atomic():
        rows = Proposal.objects.filter(pk=proposal.pk, status__in=DECIDABLE, revision=proposal.revision)
        if not rows.update(status=ProposalStatus.REJECTED, decided_at=now, updated_at=now, decided_by=actor.member):
            fresh = Proposal.objects.select_related("decided_by__user").get(pk=proposal.pk)
            raise ReviewConflict(
                f"{_who(fresh)} has decided this already: it is {fresh.get_status_display().lower()}.",
                mine=proposal.text,
                theirs=fresh.text,
            )
        columns = {"reason_code": reason_code[:32], "reason": reason}
        record(proposal, Decision.Verb.REJECT, was, ProposalStatus.REJECTED, actor=actor, **columns)
        emit(proposal.workspace_id, "proposal.rejected", proposal.pk)
    proposal.refresh_from_db()
    return proposal


def undo_decision(proposal: Proposal, *, actor: Actor, reason: str = "", overwrite: bool = False) -> Proposal:
    """Take a decision back, however long ago: an applied change leaves the store, and what was decided waits again."""
    actor.require_review()
    proposal.refresh_from_db()
    if proposal.status == ProposalStatus.APPLIED:
        revert_proposal(proposal, actor=actor, overwrite=overwrite, reason=reason)
        unsettle_candidate(proposal)
    elif proposal.status == ProposalStatus.REJECTED and proposal.lane != Lane.REJECT:
        _reopen(proposal, actor, reason)
    else:
        raise ReviewConflict(
            f"There is nothing to undo: the proposal is {proposal.get_status_display().lower()}.", mine=proposal.text
        )
    proposal.refresh_from_db()
    return proposal


def _reopen(proposal: Proposal, actor: Actor, reason: str) -> None:
    with transaction.atomic():
        rows = Proposal.objects.filter(pk=proposal.pk, status=ProposalStatus.REJECTED)
        if not rows.update(status=ProposalStatus.PENDING, decided_by=None, decided_at=None, updated_at=timezone.now()):
            raise ReviewConflict("Somebody else has just changed this proposal.", mine=proposal.text)
        statuses = (ProposalStatus.REJECTED, ProposalStatus.PENDING)
        record(proposal, Decision.Verb.UNDO, *statuses, actor=actor, reason=reason)


def release_proposal(proposal: Proposal, *, actor: Actor, reason: str) -> Proposal:
    """Out of quarantine into the ordinary queue; whoever releases it may not be the one who approves it."""
    actor.require_review()
    if not reason.strip():
        raise InvalidRequest("reason: say why this text can be trusted.")
    with transaction.atomic():
        rows = Proposal.objects.filter(pk=proposal.pk, lane=Lane.QUARANTINE, status=ProposalStatus.PENDING)
        reasons = [*proposal.lane_reasons, f"Released from quarantine: {reason.strip()}"]
        if not rows.update(lane=Lane.REVIEW, lane_reasons=reasons, updated_at=timezone.now()):
            raise ReviewConflict("The proposal is not in quarantine any more.", mine=proposal.text)
        record(proposal, Decision.Verb.RELEASE, proposal.status, proposal.status, actor=actor, reason=reason)
    proposal.refresh_from_db()
    return proposal


def finish_approved(*, older_than_seconds: float = 30.0) -> int:
    """Apply what was approved when its process died before the store was written; returns how many."""
    limit = timezone.now() - timedelta(seconds=older_than_seconds)
    stuck = Proposal.objects.filter(status=ProposalStatus.APPROVED, updated_at__lt=limit)
    found = list(stuck.select_related("workspace", "store", "review", "decided_by")[:100])
    for proposal in found:
        _finish(proposal, Actor(workspace=proposal.workspace, member=proposal.decided_by))
    return len(found)


def settle_candidate(proposal: Proposal) -> None:
    """A candidate copy counts as reviewed once every change in it was approved as it stands there."""
    review = proposal.review
    candidate = MemoryStore.objects.filter(unreviewed_review_id=review.pk).first()
    if candidate is None:
        return
    inside = review.proposals.filter(lane__in=[Lane.AUTO, Lane.REVIEW])
    if not inside.exclude(status=ProposalStatus.APPLIED, final_text=None).exists():
        memory_services.mark_reviewed(candidate)


def unsettle_candidate(proposal: Proposal) -> None:
    """The candidate copy still holds what was just taken back: no session may attach it until all is approved again."""
    output = MemoryStore.objects.filter(pk=proposal.review.dream.output_store_id)
    candidate = output.exclude(pk=proposal.store_id).first()
    if candidate:
        memory_services.mark_unreviewed(candidate, proposal.review_id)
