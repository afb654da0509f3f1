"""The proposal page and its verbs: approve, edit then approve, reject, undo; each is one call and one new place."""

from collections import defaultdict
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.views.decorators.http import require_GET, require_POST

from agents.access import access_row, require_role
from agents.exceptions import Conflict
from agents.http import HtmxHttpRequest, go, page
from agents.models import Role, Session
from dreams import inbox, reviewing
from dreams.entries import parse_file
from dreams.forms import DecisionForm, EditForm, RejectForm
from dreams.models import Evidence, Proposal, ProposalStatus
from dreams.preview import preview
from memory.diffs import compare
from memory.models import Memory

DETAIL = "dreams/proposal_detail.html"
MODES = ("", "edit", "reject")
EVIDENCE_SHOWN = 12
SAME_FILE_SHOWN = 8


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
        reviewing.approve_proposal(proposal, actor=request.actor, **_seen(form))
    except Conflict as conflict:
        return _conflict(request, proposal, conflict, proposal.text)
    return _onward(request, proposal, "Approved")


@require_POST
@require_role(Role.REVIEWER)
def proposal_edit(request: HtmxHttpRequest, proposal_id: str) -> HttpResponseBase:
    """Into the store in the reviewer's own words."""
    proposal = _access(request, proposal_id)
    form = EditForm(request.POST)
    if not form.is_valid():
        return page(request, DETAIL, _context(request, proposal, mode="edit", edit=form), partial="review", status=422)
    text = form.cleaned_data["text"].replace("\r\n", "\n")
    try:
        reviewing.edit_and_approve(proposal, text, actor=request.actor, **_seen(form))
    except Conflict as conflict:
        return _conflict(request, proposal, conflict, text)
    return _onward(request, proposal, "Edited and approved")


@require_POST
@require_role(Role.REVIEWER)
def proposal_reject(request: HtmxHttpRequest, proposal_id: str) -> HttpResponseBase:
    """Not into the store, and why."""
    proposal = _access(request, proposal_id)
    form = RejectForm(request.POST)
    if not form.is_valid():
        context = _context(request, proposal, mode="reject", reject=form)
        return page(request, DETAIL, context, partial="review", status=422)
    reviewing.reject_proposal(
        proposal,
        actor=request.actor,
        reason_code=form.cleaned_data["reason_code"],
        reason=form.cleaned_data["reason"],
    )
    return _onward(request, proposal, "Rejected")


@require_POST
@require_role(Role.REVIEWER)
def proposal_undo(request: HtmxHttpRequest, proposal_id: str) -> HttpResponseBase:
    """Take a decision back, however long ago it was made."""
    proposal = _access(request, proposal_id)
    reviewing.undo_decision(proposal, actor=request.actor)
    proposal = _access(request, proposal_id)
    if _is_row(request):
        return _row(request, proposal, "Undone")
    messages.success(request, "Undone: the decision was taken back, and the store with it.")
    return go(request, "proposal", proposal.pk)


def _access(request: HtmxHttpRequest, proposal_id: str) -> Proposal:
    access_row(Proposal, request.actor, proposal_id, "Proposal")
    return Proposal.objects.select_related("review__dream", "store", "decided_by__user", "workspace").get(pk=proposal_id)


def _seen(form: forms.Form) -> dict[str, Any]:
    """What the person had on screen: approval binds to it."""
    return {name: form.cleaned_data.get(name) or None for name in ("base_sha256", "revision")}


def _onward(request: HtmxHttpRequest, proposal: Proposal, done: str) -> HttpResponseBase:
    """After a decision: the row in its new state, or the next proposal."""
    if _is_row(request):
        return _row(request, _access(request, proposal.pk), done)
    following = inbox.next_to_decide(proposal)
    left = inbox.pending(request.workspace).count()
    words = f"{done}. {left:,} left." if left else f"{done}. Nothing else waits."
    if not request.htmx or not following:
        messages.success(request, words)
        return go(request, "proposal", following) if following else go(request, "inbox")
    context = _context(request, _access(request, following)) | {"announce": words, "inbox_left": left}
    response = page(request, DETAIL, context, partial="review")
    response["HX-Push-Url"] = f"/proposals/{following}/"
    return response


def _row(request: HtmxHttpRequest, proposal: Proposal, done: str) -> HttpResponse:
    left = inbox.pending(request.workspace).count()
    context = {
        "proposal": proposal,
        "may_review": True,
        "outcome": "" if proposal.is_waiting else done,
        "announce": f"{done}. {left:,} left.",
        "inbox_left": left,
        "last": inbox.last_decision(request.member),
        "oob": True,
    }
    return page(request, "dreams/proposal_decided.html", context)


def _is_row(request: HtmxHttpRequest) -> bool:
    return bool(request.htmx) and request.POST.get("place") == "row"


def _conflict(request: HtmxHttpRequest, proposal: Proposal, conflict: Conflict, typed: str) -> HttpResponse:
    """409: what was based on, what stands there now and what was typed, which is never lost."""
    fresh = _access(request, proposal.pk)
    theirs = _current_text(fresh)
    base = reviewing.current_base(fresh)
    context = {
        **_context(request, fresh),
        "conflict": conflict.message,
        "typed": typed,
        "theirs": theirs,
        "mine_against_theirs": compare(theirs, typed),
        "edit": EditForm(initial={"text": typed, "base_sha256": base, "revision": fresh.revision}),
    }
    return page(request, DETAIL, context, partial="conflict" if request.htmx else "", status=409)


def _current_text(proposal: Proposal) -> str:
    paths = {target["path"] for target in proposal.targets}
    files = dict(Memory.objects.filter(store=proposal.store_id, path__in=paths).values_list("path", "content"))
    found = (parse_file(t["path"], files.get(t["path"], "")).find(t["entry_id"]) for t in proposal.targets)
    return "\n".join(entry.text for entry in found if entry)


def _context(
    request: HtmxHttpRequest,
    proposal: Proposal,
    *,
    mode: str = "",
    edit: EditForm | None = None,
    reject: RejectForm | None = None,
) -> dict[str, Any]:
    may_decide = request.member.may_review and proposal.is_waiting
    before, after = inbox.neighbours(proposal)
    seen = {"base_sha256": proposal.base_sha256, "revision": proposal.revision}
    evidence, more = _evidence(proposal)
    return {
        "section": "inbox",
        "proposal": proposal,
        "dream": proposal.review.dream,
        "mode": mode if may_decide else "",
        "may_decide": may_decide,
        "may_approve": may_decide and proposal.status != ProposalStatus.STALE,
        "may_undo": request.member.may_review and proposal.status in inbox.UNDOABLE,
        "previous": before,
        "following": after,
        "files": _preview(proposal),
        "evidence": evidence,
        "evidence_more": more,
        "edit": edit or EditForm(initial={"text": proposal.text, **seen}),
        "reject": reject or RejectForm(initial=seen),
        "decisions": list(proposal.decisions.select_related("member__user", "api_key")),
        "same_file": _same_file(proposal),
        "was_edited": proposal.final_text is not None and proposal.final_text != proposal.after,
        "edit_diff": compare(proposal.after, proposal.final_text or "") if proposal.final_text else None,
        "last": inbox.last_decision(request.member),
    }


def _preview(proposal: Proposal) -> Any:
    """Against the store as it is now while it waits; afterwards the entry itself, as the decision left it."""
    if not proposal.is_waiting:
        text = "" if proposal.kind == "retire" else proposal.text
        return [{"path": proposal.path, "diff": compare(proposal.before, text), "is_new": False, "is_gone": False}]
    paths = {proposal.path, *(target["path"] for target in proposal.targets)}
    files = dict(Memory.objects.filter(store=proposal.store_id, path__in=paths).values_list("path", "content"))
    return preview(kind=proposal.kind, path=proposal.path, targets=proposal.targets, text=proposal.text, files=files)


def _evidence(proposal: Proposal) -> tuple[list[dict[str, Any]], int]:
    """Quotes, a session's together; the rest is counted and can be opened."""
    rows = list(proposal.evidence.all())
    sessions = Session.objects.in_workspace(proposal.workspace).in_bulk({row.session_id for row in rows})
    groups: defaultdict[str, list[Evidence]] = defaultdict(list)
    for row in rows:
        groups[row.session_id].append(row)
    cards = [{"session_id": key, "session": sessions.get(key), "quotes": quotes} for key, quotes in groups.items()]
    return cards, max(0, len(cards) - EVIDENCE_SHOWN)


def _same_file(proposal: Proposal) -> list[Proposal]:
    found = inbox.pending(proposal.workspace).filter(store=proposal.store_id, path=proposal.path).exclude(pk=proposal.pk)
    return list(found.order_by("-risk_rank", "pk").only(*inbox.ROW_FIELDS)[:SAME_FILE_SHOWN])
