"""A proposal in one line, and the address of its page among those that are being reviewed."""

from typing import Any

from django import template

from dreams.entries import Entry
from dreams.links import proposal_address
from dreams.models import Proposal, ProposalKind

register = template.Library()

FALLBACK = "An empty text"


@register.filter
def headline(proposal: Proposal) -> str:
    """The entry without its id and its counts; of several lines the first."""
    gone = proposal.kind == ProposalKind.RETIRE
    text = getattr(proposal, "before_start" if gone else "text_start", None)
    if text is None:
        text = proposal.before if gone else proposal.text
    line = next((line for line in text.splitlines() if line.strip(" #")), FALLBACK)
    return Entry(id="", path="", text=line).body.lstrip("# ")


@register.simple_tag(takes_context=True)
def proposal_url(context: dict[str, Any], proposal_id: str, verb: str = "", **query: str) -> str:
    """The address of a proposal or of a verb on it; where one dream alone is reviewed, it stays within it."""
    return proposal_address(proposal_id, verb, dream=context.get("dream_in_review", ""), **query)
