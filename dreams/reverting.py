"""Takes what an approval put into a store out again, however long ago that was and whatever happened since."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils import timezone

from agents.actors import Actor
from agents.outbox import emit
from dreams.decisions import record
from dreams.entries import (
    WHOLE_FILE,
    find_entry,
    replace_entry,
    without_support,
)
from dreams.exceptions import ReviewConflict
from dreams.models import Decision, Proposal, ProposalStatus
from dreams.promotion import base_of, current_entries, provenance_of, put_in, take_out
from dreams.store_files import Files, despite_others, read_files, write_files


def revert_proposal(proposal: Proposal, *, actor: Actor, overwrite: bool, reason: str = "") -> None:
    """Take out of the store what applying the proposal put in, and put back what it took out, whatever happened to the
    files in between. An entry that somebody changed since is a conflict, unless the person says to overwrite it. Where
    the entries then stand as they did before the approval, the proposal waits again; else it stays `reverted`."""
    despite_others(lambda: _revert_once(proposal, actor, overwrite, reason))


def _revert_once(proposal: Proposal, actor: Actor, overwrite: bool, reason: str) -> None:
    before = read_files(proposal.store_id)
    after = dict(before)
    for edit in reversed((proposal.applied or {}).get("edits", [])):
        _revert_edit(after, edit, overwrite)
    status, columns = _status_after_undo(proposal, after, actor, overwrite)
    with transaction.atomic():
        note = "Undone: a decision was taken back."
        provenance = provenance_of(proposal, actor, note=note)
        versions = write_files(proposal.store, before, after, actor=actor, provenance=provenance)
        moved = Proposal.objects.filter(pk=proposal.pk, status=ProposalStatus.APPLIED).update(
            status=status, updated_at=timezone.now(), **columns
        )
        if not moved:
            raise ReviewConflict("Somebody else has just changed this proposal.")
        record(
            proposal,
            Decision.Verb.UNDO,
            ProposalStatus.APPLIED,
            status,
            actor=actor,
            reason=reason,
            memory_version_ids=[version["version_id"] for version in versions],
        )
        emit(proposal.workspace_id, "proposal.reverted", proposal.pk)


def _status_after_undo(proposal: Proposal, files: Files, actor: Actor, overwrite: bool) -> tuple[str, dict[str, Any]]:
    """Back into the inbox where nothing has come after it; else it is at rest, and can still be decided."""
    is_as_before = base_of(current_entries(proposal, files)) == proposal.base_sha256
    if is_as_before and not overwrite and not _has_successor(proposal):
        return ProposalStatus.PENDING, {"decided_by": None, "decided_at": None, "applied": None}
    return ProposalStatus.REVERTED, {"decided_at": timezone.now(), "decided_by": actor.member}


def _has_successor(proposal: Proposal) -> bool:
    """Whether a later dream's proposal about the same case waits in its place."""
    case = proposal.support.get("case")
    waiting = [status for status in ProposalStatus if status.is_waiting]
    others = Proposal.objects.filter(store=proposal.store_id, status__in=waiting).exclude(review=proposal.review_id)
    return bool(case) and others.filter(support__case=case).exists()


def _revert_edit(files: Files, edit: Mapping[str, Any], overwrite: bool) -> None:
    before, after = edit["before"], edit["after"]
    present = find_entry(files, edit["entry_id"], path=edit["path"])
    if present is None and edit["entry_id"] == WHOLE_FILE and edit["path"] in files and not overwrite:
        theirs = files[edit["path"]]
        raise ReviewConflict("The file has entries of its own now.", mine=before or "", theirs=theirs)
    if after is None:
        if present is None:
            _put_back(files, edit)
        elif without_support(present.text) != without_support(before):
            if not overwrite:
                raise ReviewConflict("The entry is there again, with another text.", mine=before, theirs=present.text)
            files[present.path] = replace_entry(files[present.path], present.id, before)
        return
    if present is None:
        if before is not None:
            _put_back(files, edit)
        return  # what was added is gone already
    if without_support(present.text) != without_support(after) and not overwrite:
        theirs, mine = present.text, before or ""
        raise ReviewConflict("The entry was changed since it was approved.", mine=mine, theirs=theirs)
    if before is None:
        take_out(files, present)
    else:
        files[present.path] = replace_entry(files[present.path], present.id, before)


def _put_back(files: Files, edit: Mapping[str, Any]) -> None:
    put_in(files, edit["path"], edit["entry_id"], edit["before"])
