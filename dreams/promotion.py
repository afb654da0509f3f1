"""Puts approved proposals into their store, entry by entry, as memory versions that name who and what led to them.

A change is applied to the files as they are at that moment, so neighbours that changed since do no harm. The memory's
sha256 is the write's precondition; where somebody was faster the files are read anew.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction
from django.utils import timezone

from agents.actors import Actor
from agents.exceptions import DomainError
from agents.outbox import emit
from dreams.changes import is_empty_file
from dreams.decisions import record
from dreams.entries import (
    INDEX_PATH,
    WHOLE_FILE,
    Entry,
    add_entry,
    entries_hash,
    find_entry,
    last_first,
    remove_entry,
    replace_entry,
)
from dreams.exceptions import ReviewConflict
from dreams.models import Decision, Proposal, ProposalKind, ProposalStatus
from dreams.store_files import Files, despite_others, read_files, write_files
from memory.provenance import Provenance

ONE_LINE_KINDS = (ProposalKind.MERGE, ProposalKind.SUPERSEDE, ProposalKind.NARROW)


def current_entries(proposal: Proposal, files: Mapping[str, str]) -> list[Entry]:
    """The entries that the proposal addresses as they now stand; of an addition whatever has taken its id."""
    if proposal.kind == ProposalKind.ADD:
        taken = find_entry(files, entry_id_of(proposal), path=proposal.path)
        return [taken] if taken else []
    found = (find_entry(files, target["entry_id"], path=target["path"]) for target in proposal.targets)
    return [entry for entry in found if entry is not None]


def base_of(entries: Sequence[Entry]) -> str:
    """What an approval binds to: equal as long as none of the entries is changed."""
    return entries_hash(entries)


def entry_id_of(proposal: Proposal) -> str:
    """The id of the entry that the proposal writes or takes away."""
    if proposal.targets:
        return str(proposal.targets[0]["entry_id"])
    return proposal.after.partition("[")[2].partition("]")[0]


def apply_proposal(proposal: Proposal, *, actor: Actor) -> Proposal:
    """Write an approved proposal. A store that refuses leaves it `apply_failed`, back in the inbox with the reason."""
    try:
        despite_others(lambda: _apply_once(proposal, actor))
    except DomainError as error:
        _record_failure(proposal, error, actor)
    proposal.refresh_from_db()
    return proposal


def _apply_once(proposal: Proposal, actor: Actor) -> None:
    before = read_files(proposal.store_id)
    after = dict(before)
    edits = _edit(proposal, after)
    with transaction.atomic():
        versions = write_files(proposal.store, before, after, actor=actor, provenance=provenance_of(proposal, actor))
        applied = {"edits": edits, "versions": versions, "memory_id": _memory_id(proposal, versions)}
        moved = Proposal.objects.filter(pk=proposal.pk, status=ProposalStatus.APPROVED).update(
            status=ProposalStatus.APPLIED, applied=applied, error="", updated_at=timezone.now()
        )
        if not moved:
            raise ReviewConflict("The proposal is no longer approved: somebody was faster.")
        record(
            proposal,
            Decision.Verb.APPLY,
            ProposalStatus.APPROVED,
            ProposalStatus.APPLIED,
            actor=actor,
            memory_version_ids=[version["version_id"] for version in versions],
            result_sha256=base_of([e for edit in edits if (e := find_entry(after, edit["entry_id"]))]),
        )
        emit(proposal.workspace_id, "proposal.applied", proposal.pk)


def _record_failure(proposal: Proposal, error: DomainError, actor: Actor) -> None:
    with transaction.atomic():
        moved = Proposal.objects.filter(pk=proposal.pk, status=ProposalStatus.APPROVED).update(
            status=ProposalStatus.APPLY_FAILED, error=error.message, updated_at=timezone.now()
        )
        if moved:
            verb = Decision.Verb.APPLY_FAILED
            statuses = (ProposalStatus.APPROVED, ProposalStatus.APPLY_FAILED)
            record(proposal, verb, *statuses, actor=actor, reason=error.message)


def _edit(proposal: Proposal, files: Files) -> list[dict[str, Any]]:
    """Change the files in place; returns, for each entry touched, what stood there and what stands there now."""
    entries = current_entries(proposal, files)
    if base_of(entries) != proposal.base_sha256:
        # Somebody wrote between the decision and this moment, which a killed process makes long.
        theirs = "\n".join(entry.text for entry in entries)
        raise ReviewConflict("The entry was changed after this was approved.", mine=proposal.text, theirs=theirs)
    if proposal.kind == ProposalKind.ADD:
        return [put_in(files, proposal.path, entry_id_of(proposal), proposal.text)]
    if len(entries) != len(proposal.targets):
        raise ReviewConflict("An entry that the proposal addresses is gone.", mine=proposal.text)
    edits = []
    if proposal.kind in ONE_LINE_KINDS:
        first, *entries = entries
        files[first.path] = replace_entry(files[first.path], first.id, proposal.text)
        edits.append(_noted(first, proposal.text))
    for entry in last_first(entries):
        take_out(files, entry)
        edits.append(_noted(entry, None))
    if proposal.kind == ProposalKind.MOVE:
        # As it stands now: a person may move what was changed since it was proposed.
        edits.append(put_in(files, proposal.path, entry_id_of(proposal), entries[0].text))
    return edits


def _noted(entry: Entry, after: str | None) -> dict[str, Any]:
    return {"path": entry.path, "entry_id": entry.id, "before": entry.text, "after": after}


def put_in(files: Files, path: str, entry_id: str, text: str) -> dict[str, Any]:
    title = path.rsplit("/", 1)[-1].removesuffix(".md")
    files[path] = text if entry_id == WHOLE_FILE else add_entry(files.get(path, ""), text, title=title)
    return {"path": path, "entry_id": entry_id, "before": None, "after": text}


def take_out(files: Files, entry: Entry) -> None:
    left = remove_entry(files[entry.path], entry.id)
    if is_empty_file(left):
        del files[entry.path]
    else:
        files[entry.path] = left


def _memory_id(proposal: Proposal, versions: Sequence[Mapping[str, str]]) -> str:
    own = [version for version in versions if version["path"] != INDEX_PATH]
    at_path = [version for version in own if version["path"] == proposal.path]
    return str((at_path or own)[0]["memory_id"]) if own else ""


def provenance_of(proposal: Proposal, actor: Actor, *, note: str = "") -> Provenance:
    evidence = [dict(row) for row in proposal.evidence.values("session_id", "event_id")[:200]]
    return Provenance(
        proposal_id=proposal.pk,
        dream_id=proposal.review.dream_id,
        review_id=proposal.review_id,
        reviewer_id=actor.id if actor.member or actor.api_key else None,
        evidence=evidence,
        note=note,
    )
