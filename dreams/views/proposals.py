"""The proposal page and its verbs: approve, edit then approve, reject, release, undo; each is one call and one new
place."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from agents.access import require_role
from agents.exceptions import InvalidRequest
from agents.http import HtmxHttpRequest, go, page
from agents.models import Role
from dreams import inbox, reviewing
from dreams.exceptions import ReviewConflict
from dreams.forms import DecisionForm, EditForm, ReasonForm, RejectForm
from dreams.links import dream_in_review, inbox_address, proposal_address
from dreams.models import Proposal
from dreams.views.after_decision import conflict_page, decided_row, go_on, is_row
from dreams.views.proposal_page import DETAIL, proposal_context, proposal_page, whole_proposal


@require_GET
@require_role(Role.VIEWER)
def proposal_detail(request: HtmxHttpRequest, proposal_id: str) -> HttpResponse:
    """Is this change true, useful and safe?"""
    return proposal_page(request, whole_proposal(request, proposal_id), mode=request.GET.get("mode", ""))


@require_POST
@require_role(Role.REVIEWER)
def proposal_approve(request: HtmxHttpRequest, proposal_id: str) -> HttpResponseBase:
    """Into the store with exactly the text that was shown."""
    proposal = whole_proposal(request, proposal_id)
    form = DecisionForm(request.POST)
    form.is_valid()
    try:
        decided = reviewing.approve_proposal(proposal, actor=request.actor, **_seen(form))
    except ReviewConflict as conflict:
        return conflict_page(request, proposal_id, conflict)
    return go_on(request, decided, "Approved")


@require_POST
@require_role(Role.REVIEWER)
def proposal_edit(request: HtmxHttpRequest, proposal_id: str) -> HttpResponseBase:
    """Into the store in the reviewer's own words."""
    proposal = whole_proposal(request, proposal_id)
    form = EditForm(request.POST)
    if form.is_valid():
        text = form.cleaned_data["text"].replace("\r\n", "\n")
        try:
            decided = reviewing.edit_and_approve(proposal, text, actor=request.actor, **_seen(form))
            return go_on(request, decided, "Edited and approved")
        except InvalidRequest as error:
            message = error.message.removeprefix("text: ")
            form.add_error("text", message[:1].upper() + message[1:])
        except ReviewConflict as conflict:
            return conflict_page(request, proposal_id, conflict, typed=text)
    return proposal_page(request, proposal, mode="edit", edit=form, status=422)


@require_POST
@require_role(Role.REVIEWER)
def proposal_reject(request: HtmxHttpRequest, proposal_id: str) -> HttpResponseBase:
    """Not into the store, and why."""
    proposal = whole_proposal(request, proposal_id)
    form = RejectForm(request.POST)
    if not form.is_valid():
        return proposal_page(request, proposal, mode="reject", reject=form, status=422)
    reasons = {name: form.cleaned_data[name] for name in ("reason_code", "reason")}
    try:
        decided = reviewing.reject_proposal(
            proposal, actor=request.actor, revision=form.cleaned_data["revision"], **reasons
        )
    except ReviewConflict as conflict:
        return conflict_page(request, proposal_id, conflict, refusal=form)
    return go_on(request, decided, "Rejected")


@require_POST
@require_role(Role.REVIEWER)
def proposal_release(request: HtmxHttpRequest, proposal_id: str) -> HttpResponseBase:
    """Out of quarantine; another person then decides."""
    proposal = whole_proposal(request, proposal_id)
    form = ReasonForm(request.POST)
    if not form.is_valid():
        return proposal_page(request, proposal, release=form, status=422)
    reviewing.release_proposal(proposal, actor=request.actor, reason=form.cleaned_data["reason"])
    messages.success(request, "Released from quarantine. A second person has to approve it.")
    return _to_its_page(request, proposal)


@require_POST
@require_role(Role.REVIEWER)
def proposal_undo(request: HtmxHttpRequest, proposal_id: str) -> HttpResponseBase:
    """Take a decision back, however long ago it was made."""
    proposal = whole_proposal(request, proposal_id)
    overwrite = request.POST.get("overwrite") == "1"
    try:
        undone = reviewing.undo_decision(proposal, actor=request.actor, overwrite=overwrite)
    except ReviewConflict as conflict:
        proposal = whole_proposal(request, proposal_id)
        if is_row(request) or proposal.status not in inbox.UNDOABLE:
            messages.warning(request, conflict.message)
            return _to_its_page(request, proposal)
        context = {**proposal_context(request, proposal), "undo_conflict": conflict}
        return page(request, DETAIL, context, partial="review" if _has_review(request) else "", status=409)
    if is_row(request):
        return decided_row(request, whole_proposal(request, undone.pk), "Undone")
    messages.success(request, "Undone: the decision was taken back.")
    back = {"inbox": inbox_address(dream=dream_in_review(request, proposal)), "home": reverse("home")}
    address = back.get(request.POST.get("back", ""))
    return go(request, address) if address else _to_its_page(request, proposal)


def _seen(form: forms.Form) -> dict[str, Any]:
    """What the person had on screen: approval binds to it."""
    return {name: form.cleaned_data.get(name) or None for name in ("base_sha256", "revision")}


def _to_its_page(request: HtmxHttpRequest, proposal: Proposal) -> HttpResponseBase:
    return go(request, proposal_address(proposal.pk, dream=dream_in_review(request, proposal)))


def _has_review(request: HtmxHttpRequest) -> bool:
    return bool(request.htmx) and request.htmx.target == "review"
