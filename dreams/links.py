"""Links between pages of reviewing: where the proposals of one dream alone are gone through, they say so on and on."""

from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.http import urlencode

from dreams.models import Proposal


def proposal_address(proposal_id: str, verb: str = "", **query: str) -> str:
    """Of a proposal's page, or of a verb on it; what is empty in the query is left out."""
    return reverse(f"proposal-{verb}" if verb else "proposal", args=[proposal_id]) + _query(query)


def inbox_address(**query: str) -> str:
    return reverse("inbox") + _query(query)


def dream_in_review(request: HttpRequest, proposal: Proposal) -> str:
    """The dream whose proposals alone are gone through; "" for all, and where the proposal is of another one."""
    asked = request.GET.get("dream", "")
    return asked if asked == proposal.review.dream_id else ""


def _query(members: dict[str, Any]) -> str:
    said = {name: value for name, value in members.items() if value}
    return f"?{urlencode(said)}" if said else ""
