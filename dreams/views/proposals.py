"""The proposal page and its verbs: approve, edit then approve, reject, undo; each is one call and one new place."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from agents.access import access_row, require_role
from agents.diffs import Diff, compare
from agents.exceptions import InvalidRequest
from agents.http import HtmxHttpRequest, go, page
from agents.models import Role, Session
from dreams import inbox, reviewing
from dreams.entries import Entry
from dreams.exceptions import ReviewConflict
from dreams.forms import DecisionForm, EditForm, ReasonForm, RejectForm
from dreams.models import Decision, Evidence, Lane, Proposal, ProposalKind, ProposalStatus
from dreams.preview import FilePreview, preview
from dreams.promotion import base_of, current_entries, read_files
from dreams.views.newcomer import demo_of_store
from dreams.views.queue import queue_state

DETAIL = "dreams/proposal_detail.html"
FAILED = "It could not be applied, and waits again."
MODES = ("", "edit", "reject")
ENTRY_MARK = re.compile(r"- \[[^\]\s]*\] ")
PLACES = ("row", "home")  # a row of the inbox, a row of home
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


@require_GET
@require_role(Role.VIEWER)
def proposal_detail(request: HtmxHttpRequest, proposal_id: str) -> HttpResponse:
    """Is this change true, useful and safe?"""
    proposal = _access(request, proposal_id)
    mode = request.GET.get("mode", "")
    return page(request, DETAIL, _context(request, proposal, mode=mode if mode in MODES else ""), partial="review")


@require_POST
@require_role(Role.REVIEWER)
def proposal_approve(request: HtmxHttpRequest, proposal_id: str) -> HttpResponseBase:
    """Into the store with exactly the text that was shown."""
    proposal = _access(request, proposal_id)
    form = DecisionForm(request.POST)
    form.is_valid()
    try:
        decided = reviewing.approve_proposal(proposal, actor=request.actor, **_seen(form))
    except ReviewConflict as conflict:
        return _conflict(request, proposal_id, conflict)
    return _onward(request, decided, "Approved")


@require_POST
@require_role(Role.REVIEWER)
def proposal_edit(request: HtmxHttpRequest, proposal_id: str) -> HttpResponseBase:
    """Into the store in the reviewer's own words."""
    proposal = _access(request, proposal_id)
    form = EditForm(request.POST)
    if form.is_valid():
        text = form.cleaned_data["text"].replace("\r\n", "\n")
        try:
            decided = reviewing.edit_and_approve(proposal, text, actor=request.actor, **_seen(form))
            return _onward(request, decided, "Edited and approved")
        except InvalidRequest as error:
            message = error.message.removeprefix("text: ")
            form.add_error("text", message[:1].upper() + message[1:])
        except ReviewConflict as conflict:
            return _conflict(request, proposal_id, conflict, typed=text)
    return page(request, DETAIL, _context(request, proposal, mode="edit", edit=form), partial="review", status=422)


@require_POST
@require_role(Role.REVIEWER)
def proposal_reject(request: HtmxHttpRequest, proposal_id: str) -> HttpResponseBase:
    """Not into the store, and why."""
    proposal = _access(request, proposal_id)
    form = RejectForm(request.POST)
    if not form.is_valid():
        context = _context(request, proposal, mode="reject", reject=form)
        return page(request, DETAIL, context, partial="review", status=422)
    reasons = {name: form.cleaned_data[name] for name in ("reason_code", "reason")}
    try:
        decided = reviewing.reject_proposal(
            proposal, actor=request.actor, revision=form.cleaned_data["revision"], **reasons
        )
    except ReviewConflict as conflict:
        return _conflict(request, proposal_id, conflict, refusal=form)
    return _onward(request, decided, "Rejected")


@require_POST
@require_role(Role.REVIEWER)
def proposal_release(request: HtmxHttpRequest, proposal_id: str) -> HttpResponseBase:
    """Out of quarantine; another person then decides."""
    proposal = _access(request, proposal_id)
    form = ReasonForm(request.POST)
    if not form.is_valid():
        context = _context(request, proposal, release=form)
        return page(request, DETAIL, context, partial="review", status=422)
    reviewing.release_proposal(proposal, actor=request.actor, reason=form.cleaned_data["reason"])
    messages.success(request, "Released from quarantine. A second person has to approve it.")
    return go(request, "proposal", proposal.pk)


@require_POST
@require_role(Role.REVIEWER)
def proposal_undo(request: HtmxHttpRequest, proposal_id: str) -> HttpResponseBase:
    """Take a decision back, however long ago it was made."""
    proposal = _access(request, proposal_id)
    overwrite = request.POST.get("overwrite") == "1"
    try:
        undone = reviewing.undo_decision(proposal, actor=request.actor, overwrite=overwrite)
    except ReviewConflict as conflict:
        proposal = _access(request, proposal_id)
        if _is_row(request) or proposal.status not in inbox.UNDOABLE:
            messages.warning(request, conflict.message)
            return go(request, "proposal", proposal.pk)
        context = {**_context(request, proposal), "undo_conflict": conflict}
        return page(request, DETAIL, context, partial="review" if _has_review(request) else "", status=409)
    if _is_row(request):
        return _row(request, _access(request, undone.pk), "Undone")
    messages.success(request, "Undone: the decision was taken back.")
    back = request.POST.get("back", "")
    return go(request, back) if back in ("inbox", "home") else go(request, "proposal", proposal.pk)


def _access(request: HtmxHttpRequest, proposal_id: str) -> Proposal:
    access_row(Proposal, request.actor, proposal_id, "Proposal")
    rows = Proposal.objects.select_related("review__dream", "store", "decided_by__user", "workspace")
    return rows.get(pk=proposal_id)


def _seen(form: forms.Form) -> dict[str, Any]:
    """What the person had on screen: approval binds to it."""
    return {name: form.cleaned_data.get(name) or None for name in ("base_sha256", "revision")}


def _onward(request: HtmxHttpRequest, proposal: Proposal, done: str) -> HttpResponseBase:
    """After a decision: the row in its new state, or the next proposal; what could not be applied stays in view."""
    if _is_row(request):
        return _row(request, _access(request, proposal.pk), done)
    failed = proposal.status == ProposalStatus.APPLY_FAILED
    following = proposal.pk if failed else inbox.next_to_decide(proposal)
    words = FAILED if failed else _left(request, done)
    if not request.htmx or not following:
        messages.add_message(request, messages.ERROR if failed else messages.SUCCESS, words)
        return go(request, "proposal", following) if following else go(request, "inbox")
    context = _context(request, _access(request, following)) | _announcement(request, words)
    response = page(request, DETAIL, context, partial="review")
    response["HX-Push-Url"] = reverse("proposal", args=[following])
    return response


def _left(request: HtmxHttpRequest, done: str) -> str:
    left = inbox.pending(request.workspace).count()
    return f"{done}. {left:,} left." if left else f"{done}. Nothing else waits."


def _announcement(request: HtmxHttpRequest, words: str) -> dict[str, Any]:
    return {"announce": words, "inbox_count": inbox.pending(request.workspace).count(), "says": True}


def _row(request: HtmxHttpRequest, proposal: Proposal, done: str) -> HttpResponse:
    failed = proposal.status == ProposalStatus.APPLY_FAILED
    context = {
        "proposal": proposal,
        "outcome": "" if proposal.is_waiting else done,
        "last": inbox.last_decision(request.member),
        "in_list": True,
        "oob": True,
        "place": request.POST["place"],
        **queue_state(request.member),
        **_announcement(request, FAILED if failed else _left(request, done)),
    }
    return page(request, "dreams/proposal_decided.html", context)


def _is_row(request: HtmxHttpRequest) -> bool:
    return bool(request.htmx) and request.POST.get("place") in PLACES


def _has_review(request: HtmxHttpRequest) -> bool:
    return bool(request.htmx) and request.htmx.target == "review"


def _conflict(
    request: HtmxHttpRequest,
    proposal_id: str,
    conflict: ReviewConflict,
    *,
    typed: str = "",
    refusal: RejectForm | None = None,
) -> HttpResponseBase:
    """409: what was based on, what stands there now and what was typed, which is never lost."""
    proposal = _access(request, proposal_id)
    if _is_row(request):
        messages.warning(request, _said(request, proposal, conflict))
        return go(request, "proposal", proposal.pk)
    reasons = refusal.cleaned_data if refusal else {}
    again = RejectForm(initial={**reasons, "revision": proposal.revision}) if refusal else None
    context = _context(request, proposal, mode="reject" if refusal else "", reject=again)
    mine = typed or conflict.mine or proposal.text
    context |= {
        "conflict": conflict,
        "conflict_title": _said(request, proposal, conflict),
        "is_refusal": bool(refusal),
        "kept": typed or reasons.get("reason", ""),
        "typed": mine.removeprefix(context["edit_prefix"]),
        "theirs_diff": compare(conflict.theirs, mine),
        "can_go_on": context["may_decide"] and not refusal,
        **_announcement(request, ""),
    }
    return page(request, DETAIL, context, partial="review", status=409)


def _context(
    request: HtmxHttpRequest,
    proposal: Proposal,
    *,
    mode: str = "",
    edit: EditForm | None = None,
    reject: RejectForm | None = None,
    release: ReasonForm | None = None,
) -> dict[str, Any]:
    files = read_files(proposal.store_id)
    entries = current_entries(proposal, files)
    base = base_of(entries)
    seen = {"base_sha256": base, "revision": proposal.revision}
    before, after = inbox.neighbours(proposal)
    prefix = _prefix(proposal)
    text = proposal.text.removeprefix(prefix)
    return {
        "section": "inbox",
        "proposal": proposal,
        "dream": proposal.review.dream,
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


def _said(request: HtmxHttpRequest, proposal: Proposal, conflict: ReviewConflict) -> str:
    """Nobody is told of themselves in the third person."""
    mine = not proposal.is_waiting and proposal.decided_by_id == request.member.pk
    return "You decided this already, in another window." if mine else conflict.message


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
