"""Puts approved proposals into their store, entry by entry, as memory versions that name who and what led to them; and
takes them out again.

A change is applied to the files as they are at that moment, so neighbours that changed since do no harm. The memory's
sha256 is the write's precondition; where somebody was faster the files are read anew.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction
from django.utils import timezone

from agents import audit
from agents.actors import Actor
from agents.exceptions import DomainError
from agents.outbox import emit
from dreams.changes import is_empty_file
from dreams.entries import (
    INDEX_PATH,
    WHOLE_FILE,
    Entry,
    add_entry,
    entries_hash,
    find_entry,
    last_first,
    remove_entry,
    render_index,
    replace_entry,
    without_support,
)
from dreams.exceptions import ReviewConflict
from dreams.limits import INDEX_MAX_LINES
from dreams.models import Decision, Proposal, ProposalKind, ProposalStatus
from memory import services
from memory.exceptions import PathConflict, PreconditionFailed
from memory.models import Memory, MemoryStore
from memory.provenance import Provenance

WRITE_ATTEMPTS = 6
# What the audit log calls each step of a decision.
PAST = {
    Decision.Verb.APPROVE: "approved",
    Decision.Verb.EDIT: "edited_and_approved",
    Decision.Verb.REJECT: "rejected",
    Decision.Verb.UNDO: "undone",
    Decision.Verb.APPLY: "applied",
    Decision.Verb.APPLY_FAILED: "apply_failed",
    Decision.Verb.MARK_STALE: "found_stale",
    Decision.Verb.RELEASE: "released",
    Decision.Verb.AUTO: "applied_automatically",
}
ONE_LINE_KINDS = (ProposalKind.MERGE, ProposalKind.SUPERSEDE, ProposalKind.NARROW)

type Files = dict[str, str]


def read_files(store_id: str) -> Files:
    """Path to content of every memory of a store."""
    return dict(Memory.objects.filter(store=store_id).values_list("path", "content"))


def current_entries(proposal: Proposal, files: Mapping[str, str]) -> list[Entry]:
    """The entries that the proposal addresses as they now stand; of an addition whatever has taken its id."""
    if proposal.kind == ProposalKind.ADD:
        taken = find_entry(files, entry_id_of(proposal), path=proposal.path)
        return [taken] if taken else []
    found = (find_entry(files, target["entry_id"], path=target["path"]) for target in proposal.targets)
    return [entry for entry in found if entry is not None]


def base_of(entries: Sequence[Entry]) -> str:
    return entries_hash(entries)


def entry_id_of(proposal: Proposal) -> str:
    """The id of the entry that the proposal writes or takes away."""
    if proposal.targets:
        return str(proposal.targets[0]["entry_id"])
    return proposal.after.partition("[")[2].partition("]")[0]


def apply_proposal(proposal: Proposal, *, actor: Actor) -> Proposal:
    """Write an approved proposal. A store that refuses leaves it `apply_failed`, back in the inbox with the reason."""
    try:
        _write_with_retries(proposal, actor)
    except DomainError as error:
        _record_failure(proposal, error, actor)
    proposal.refresh_from_db()
    return proposal


def _write_with_retries(proposal: Proposal, actor: Actor) -> None:
    for attempt in range(1, WRITE_ATTEMPTS + 1):
        try:
            _apply_once(proposal, actor)
            return
        except (PreconditionFailed, PathConflict):
            if attempt == WRITE_ATTEMPTS:
                raise


def _apply_once(proposal: Proposal, actor: Actor) -> None:
    before = read_files(proposal.store_id)
    after = dict(before)
    edits = _edit(proposal, after)
    with transaction.atomic():
        versions = write_files(proposal.store, before, after, actor=actor, provenance=_provenance(proposal, actor))
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
        return [_added(files, proposal.path, entry_id_of(proposal), proposal.text)]
    if len(entries) != len(proposal.targets):
        raise ReviewConflict("An entry that the proposal addresses is gone.", mine=proposal.text)
    edits = []
    if proposal.kind in ONE_LINE_KINDS:
        first, *entries = entries
        files[first.path] = replace_entry(files[first.path], first.id, proposal.text)
        edits.append(_noted(first, proposal.text))
    for entry in last_first(entries):
        _take_out(files, entry)
        edits.append(_noted(entry, None))
    if proposal.kind == ProposalKind.MOVE:
        # As it stands now: a person may move what was changed since it was proposed.
        edits.append(_added(files, proposal.path, entry_id_of(proposal), entries[0].text))
    return edits


def _noted(entry: Entry, after: str | None) -> dict[str, Any]:
    return {"path": entry.path, "entry_id": entry.id, "before": entry.text, "after": after}


def _added(files: Files, path: str, entry_id: str, text: str) -> dict[str, Any]:
    title = path.rsplit("/", 1)[-1].removesuffix(".md")
    files[path] = text if entry_id == WHOLE_FILE else add_entry(files.get(path, ""), text, title=title)
    return {"path": path, "entry_id": entry_id, "before": None, "after": text}


def _take_out(files: Files, entry: Entry) -> None:
    left = remove_entry(files[entry.path], entry.id)
    if is_empty_file(left):
        del files[entry.path]
    else:
        files[entry.path] = left


def revert_proposal(proposal: Proposal, *, actor: Actor, overwrite: bool, reason: str = "") -> None:
    """Take out of the store what applying the proposal put in, and put back what it took out, whatever happened to the
    files in between. An entry that somebody changed since is a conflict, unless the person says to overwrite it. Where
    the entries then stand as they did before the approval, the proposal waits again; else it stays `reverted`."""
    for attempt in range(1, WRITE_ATTEMPTS + 1):
        try:
            _revert_once(proposal, actor, overwrite, reason)
            return
        except (PreconditionFailed, PathConflict):
            if attempt == WRITE_ATTEMPTS:
                raise


def _revert_once(proposal: Proposal, actor: Actor, overwrite: bool, reason: str) -> None:
    before = read_files(proposal.store_id)
    after = dict(before)
    for edit in reversed((proposal.applied or {}).get("edits", [])):
        _revert_edit(after, edit, overwrite)
    status, columns = _status_after_undo(proposal, after, actor, overwrite)
    with transaction.atomic():
        note = "Undone: a decision was taken back."
        provenance = _provenance(proposal, actor, note=note)
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
    return ProposalStatus.REVERTED, {"decided_at": timezone.now(), **decider(actor)}


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
        _take_out(files, present)
    else:
        files[present.path] = replace_entry(files[present.path], present.id, before)


def _put_back(files: Files, edit: Mapping[str, Any]) -> None:
    _added(files, edit["path"], edit["entry_id"], edit["before"])


def write_files(
    store: MemoryStore, before: Files, after: Files, *, actor: Actor, provenance: Provenance
) -> list[dict[str, str]]:
    """Bring a store from `before` to `after`, index included, in the caller's transaction; returns the new versions."""
    changed = sorted(path for path in {*before, *after} if before.get(path) != after.get(path))
    if changed:
        after[INDEX_PATH] = render_index(after, max_lines=INDEX_MAX_LINES)
        changed = sorted({*changed, INDEX_PATH})
    memories = {m.path: m for m in Memory.objects.filter(store=store, path__in=changed).select_related("store")}
    written = []
    for path in changed:
        if before.get(path) == after.get(path):
            continue
        version_id, memory_id = _write_file(
            store, path, before.get(path), after.get(path), memories.get(path), actor, provenance
        )
        written.append({"path": path, "memory_id": memory_id, "version_id": version_id})
    return written


def _write_file(
    store: MemoryStore,
    path: str,
    old: str | None,
    new: str | None,
    memory: Memory | None,
    actor: Actor,
    provenance: Provenance,
) -> tuple[str, str]:
    if old is None:
        made = services.create_memory(store, path=path, content=new or "", actor=actor, provenance=provenance)
        return made.head_version_id, made.pk
    if memory is None:
        raise PreconditionFailed(f"The memory {path} has just been deleted.")
    expected = services.sha256_of(old)
    if new is None:
        gone = services.delete_memory(memory, expected_sha256=expected, actor=actor, provenance=provenance)
        return gone.pk, memory.pk
    changed = services.update_memory(memory, content=new, expected_sha256=expected, actor=actor, provenance=provenance)
    return changed.head_version_id, changed.pk


def _memory_id(proposal: Proposal, versions: Sequence[Mapping[str, str]]) -> str:
    own = [version for version in versions if version["path"] != INDEX_PATH]
    at_path = [version for version in own if version["path"] == proposal.path]
    return str((at_path or own)[0]["memory_id"]) if own else ""


def _provenance(proposal: Proposal, actor: Actor, *, note: str = "") -> Provenance:
    evidence = [dict(row) for row in proposal.evidence.values("session_id", "event_id")[:200]]
    return Provenance(
        proposal_id=proposal.pk,
        dream_id=proposal.review.dream_id,
        review_id=proposal.review_id,
        reviewer_id=actor.id if actor.member or actor.api_key else None,
        evidence=evidence,
        note=note,
    )


def decider(actor: Actor) -> dict[str, Any]:
    return {"decided_by": actor.member}


def record(
    proposal: Proposal, verb: str, from_status: str, to_status: str, *, actor: Actor, **columns: Any
) -> Decision:
    """One row of the proposal's own history and one of the audit log, in the caller's transaction."""
    said = columns.get("reason") or columns.get("reason_code") or ""
    about = f"{proposal.kind} in {proposal.path}"
    audit.record(actor, f"proposal.{PAST[Decision.Verb(verb)]}", proposal.pk, name=about, reason=said)
    return Decision.objects.create(
        workspace_id=proposal.workspace_id,
        proposal=proposal,
        member=actor.member,
        api_key=actor.api_key,
        verb=verb,
        from_status=from_status,
        to_status=to_status,
        revision=proposal.revision,
        **{"base_sha256": proposal.base_sha256, **columns},
    )
