"""What the page of one proposal shows: the change as diffs, what proves it, its risks, and who may do what with it."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from django.http import HttpResponse

from agents.diffs import Diff, compare
from agents.http import HtmxHttpRequest, page
from agents.models import Session
from dreams import inbox
from dreams.access import access_proposal
from dreams.entries import Entry
from dreams.forms import EditForm, ReasonForm, RejectForm
from dreams.links import dream_in_review
from dreams.models import Decision, Evidence, Lane, Proposal, ProposalKind, ProposalStatus
from dreams.preview import FilePreview, preview
from dreams.promotion import base_of, current_entries
from dreams.store_files import read_files
from dreams.views.newcomer import demo_of_store

DETAIL = "dreams/proposal_detail.html"
ENTRY_MARK = re.compile(r"- \[[^\]\s]*\] ")
SAME_FILE_SHOWN = 8
VERBS = {
    Decision.Verb.APPROVE: "Approved",
    Decision.Verb.EDIT: "Edited and approved",
    Decision.Verb.REJECT: "Rejected",
    Decision.Verb.UNDO: "Decision taken back",
    Decision.Verb.APPLY: "Written to the store",
    Decision.Verb.APPLY_FAILED: "Could not be written",
    Decision.Verb.MARK_STALE: "Found stale",
    Decision.Verb.RELEASE: "Released from quarantine",
    Decision.Verb.AUTO: "Approved by an open gate",
}


def whole_proposal(request: HtmxHttpRequest, proposal_id: str) -> Proposal:
    """The proposal with the rows that its page and its verbs look at."""
    access_proposal(request.actor, proposal_id)
    rows = Proposal.objects.select_related("review__dream", "store", "decided_by__user", "workspace")
    return rows.get(pk=proposal_id)


def proposal_page(
    request: HtmxHttpRequest,
    proposal: Proposal,
    *,
    status: int = 200,
    also: Mapping[str, Any] | None = None,
    **state: Any,
) -> HttpResponse:
    """The page, or for htmx its article; `state` is what `proposal_context` takes."""
    context = proposal_context(request, proposal, **state) | dict(also or {})
    return page(request, DETAIL, context, partial="review", status=status)


def proposal_context(
    request: HtmxHttpRequest,
    proposal: Proposal,
    *,
    mode: str = "",
    edit: EditForm | None = None,
    reject: RejectForm | None = None,
    release: ReasonForm | None = None,
) -> dict[str, Any]:
    """What the template takes: `mode` names the panel that is open ("edit" or "reject"), the forms are those that were
    sent and refused."""
    files = read_files(proposal.store_id)
    entries = current_entries(proposal, files)
    base = base_of(entries)
    seen = {"base_sha256": base, "revision": proposal.revision}
    in_review = dream_in_review(request, proposal)
    before, after = inbox.neighbours(proposal, dream_id=in_review)
    prefix = _prefix(proposal)
    text = proposal.text.removeprefix(prefix)
    return {
        "section": "inbox",
        "proposal": proposal,
        "dream": proposal.review.dream,
        "dream_in_review": in_review,
        "demo": demo_of_store(request.workspace, proposal.store_id),
        "base": base,
        "has_moved_on": proposal.is_waiting and base != proposal.base_sha256,
        "previous": before,
        "following": after,
        "files": _preview(proposal, entries, files),
        "evidence": _evidence(proposal),
        "edit": _focused(edit or EditForm(initial={"text": text, **seen}), mode == "edit"),
        "edit_prefix": prefix,
        "reject": reject or RejectForm(initial=seen),
        "release": release or ReasonForm(),
        "decisions": [(VERBS[row.verb], row) for row in proposal.decisions.select_related("member__user", "api_key")],
        "same_file": _same_file(proposal),
        "edit_diff": _edit_diff(proposal),
        "lane_reasons": _lane_reasons(proposal),
        **_permissions(request, proposal, mode),
        **_toast(request, proposal),
    }


def _toast(request: HtmxHttpRequest, proposal: Proposal) -> dict[str, Any]:
    """My last decision, to undo from here; on the page of a decided proposal `u` means that one alone."""
    return {} if proposal.status in inbox.UNDOABLE else {"last": inbox.last_decision(request.member)}


def _prefix(proposal: Proposal) -> str:
    """The entry's mark, which an edit keeps whatever is typed; a whole file has none."""
    found = ENTRY_MARK.match(proposal.text)
    return found[0] if found and "\n" not in proposal.text.strip() else ""


def _focused(form: EditForm, is_open: bool) -> EditForm:
    """Somebody who came to edit types at once, with or without script."""
    if is_open:
        form.fields["text"].widget.attrs["autofocus"] = True
    return form


def _permissions(request: HtmxHttpRequest, proposal: Proposal, mode: str) -> dict[str, Any]:
    may_review = request.member.may_review
    open_again = proposal.is_waiting or proposal.status == ProposalStatus.REVERTED
    may_decide = may_review and open_again and proposal.lane not in inbox.SET_ASIDE
    may_reject = may_review and open_again and proposal.lane != Lane.REJECT
    may_edit = may_decide and proposal.has_text
    return {
        "mode": mode if {"edit": may_edit, "reject": may_reject}.get(mode) else "",
        "may_decide": may_decide,
        "may_reject": may_reject,
        "may_edit": may_edit,
        "others_decide": open_again and not may_review,
        "may_release": may_review and proposal.is_waiting and proposal.lane == Lane.QUARANTINE,
        "may_undo": may_review and proposal.status in inbox.UNDOABLE and proposal.lane != Lane.REJECT,
    }


def _preview(proposal: Proposal, entries: Sequence[Entry], files: Mapping[str, str]) -> Sequence[FilePreview]:
    """Against the store as it is while it waits; afterwards the entries alone, as the decision found and left them."""
    if not proposal.is_waiting:
        diff = compare(proposal.before, "" if proposal.kind == ProposalKind.RETIRE else proposal.text)
        words = {"words_added": proposal.words_added, "words_removed": proposal.words_removed}
        return (FilePreview(path=proposal.path, diff=diff, is_new=False, is_gone=False, **words),)
    return preview(kind=proposal.kind, path=proposal.path, entries=entries, text=proposal.text, files=files)


def _edit_diff(proposal: Proposal) -> Diff | None:
    if proposal.final_text is None or proposal.final_text == proposal.after:
        return None
    return compare(proposal.after, proposal.final_text)


def _lane_reasons(proposal: Proposal) -> list[str]:
    """Without what the findings below say in the same words."""
    found = {risk.get("message") for risk in proposal.risks}
    return [reason for reason in proposal.lane_reasons if reason not in found]


def _evidence(proposal: Proposal) -> list[dict[str, Any]]:
    """Quotes, a session's together, strongest support first."""
    rows = list(proposal.evidence.all())
    sessions = Session.objects.in_workspace(proposal.workspace).in_bulk({row.session_id for row in rows})
    groups: defaultdict[str, list[Evidence]] = defaultdict(list)
    for row in rows:
        groups[row.session_id].append(row)
    cards = groups.items()
    return [{"session_id": key, "session": sessions.get(key), "quotes": _quotes(group)} for key, group in cards]


def _quotes(rows: list[Evidence]) -> list[dict[str, Any]]:
    """The same words once, however often the session holds them."""
    unique = {(row.speaker, row.quote): row for row in reversed(rows)}
    spoken = ("user.message", "agent.message", "system.message")
    return [
        {
            "quote": row.quote,
            "speaker": row.speaker,
            "trust": row.trust,
            "event_id": row.event_id,
            "is_code": row.event_type not in spoken,
        }
        for row in rows
        if unique[row.speaker, row.quote] is row
    ]


def _same_file(proposal: Proposal) -> list[tuple[Proposal, bool]]:
    """What else waits for this file, and whether it is about the same entries: then it goes stale with an approval."""
    found = inbox.pending(proposal.workspace).filter(store=proposal.store_id, path=proposal.path)
    others = found.exclude(pk=proposal.pk).order_by("-risk_rank", "pk")[:SAME_FILE_SHOWN]
    mine = _entry_ids(proposal)
    return [(other, not mine.isdisjoint(_entry_ids(other))) for other in others]


def _entry_ids(proposal: Proposal) -> set[str]:
    return {target["entry_id"] for target in proposal.targets}
