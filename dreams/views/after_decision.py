"""What a decision leads to: the next proposal, its row as it now is, or both texts where somebody was faster."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase

from agents.diffs import compare
from agents.http import HtmxHttpRequest, go, page
from dreams import inbox
from dreams.exceptions import ReviewConflict
from dreams.forms import RejectForm
from dreams.links import dream_in_review, inbox_address, proposal_address
from dreams.models import Proposal, ProposalStatus
from dreams.views.proposal_page import DETAIL, proposal_context, proposal_page, whole_proposal
from dreams.views.queue import queue_state

FAILED = "It could not be applied, and waits again."
PLACES = ("row", "home")  # a row of the inbox, a row of home


def is_row(request: HtmxHttpRequest) -> bool:
    """Whether the decision was made in a list, which stays."""
    return bool(request.htmx) and request.POST.get("place") in PLACES


def go_on(request: HtmxHttpRequest, proposal: Proposal, done: str) -> HttpResponseBase:
    """After a decision: the row in its new state, or the next proposal; what could not be applied stays in view."""
    if is_row(request):
        return decided_row(request, whole_proposal(request, proposal.pk), done)
    failed = proposal.status == ProposalStatus.APPLY_FAILED
    in_review = dream_in_review(request, proposal)
    following = proposal.pk if failed else inbox.next_to_decide(proposal, dream_id=in_review)
    words = FAILED if failed else _left(request, done, in_review)
    address = proposal_address(following, dream=in_review) if following else inbox_address(dream=in_review)
    if not request.htmx or not following:
        messages.add_message(request, messages.ERROR if failed else messages.SUCCESS, words)
        return go(request, address)
    response = proposal_page(request, whole_proposal(request, following), also=_announcement(request, words))
    response["HX-Push-Url"] = address
    return response


def decided_row(request: HtmxHttpRequest, proposal: Proposal, done: str) -> HttpResponse:
    """The row as the decision left it, with every number of the list that it changed."""
    failed = proposal.status == ProposalStatus.APPLY_FAILED
    in_review = dream_in_review(request, proposal)
    context = {
        "proposal": proposal,
        "dream_in_review": in_review,
        "outcome": "" if proposal.is_waiting else done,
        "last": inbox.last_decision(request.member),
        "in_list": True,
        "oob": True,
        "place": request.POST["place"],
        **queue_state(request.member, dream_id=in_review),
        **_announcement(request, FAILED if failed else _left(request, done, in_review)),
    }
    return page(request, "dreams/proposal_decided.html", context)


def conflict_page(
    request: HtmxHttpRequest,
    proposal_id: str,
    conflict: ReviewConflict,
    *,
    typed: str = "",
    refusal: RejectForm | None = None,
) -> HttpResponseBase:
    """409: what was based on, what stands there now and what was typed, which is never lost."""
    proposal = whole_proposal(request, proposal_id)
    if is_row(request):
        messages.warning(request, _said(request, proposal, conflict))
        return go(request, proposal_address(proposal.pk, dream=dream_in_review(request, proposal)))
    reasons = refusal.cleaned_data if refusal else {}
    again = RejectForm(initial={**reasons, "revision": proposal.revision}) if refusal else None
    context = proposal_context(request, proposal, mode="reject" if refusal else "", reject=again)
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


def _left(request: HtmxHttpRequest, done: str, dream_id: str) -> str:
    left = inbox.of_dream(inbox.pending(request.workspace), dream_id).count()
    of_it = " of this dream" if dream_id else ""
    return f"{done}. {left:,}{of_it} left." if left else f"{done}. Nothing else{of_it} waits."


def _announcement(request: HtmxHttpRequest, words: str) -> dict[str, Any]:
    return {"announce": words, "inbox_count": inbox.pending(request.workspace).count(), "says": True}


def _said(request: HtmxHttpRequest, proposal: Proposal, conflict: ReviewConflict) -> str:
    """Nobody is told of themselves in the third person."""
    mine = not proposal.is_waiting and proposal.decided_by_id == request.member.pk
    return "You decided this already, in another window." if mine else conflict.message
