"""A proposal in one line, and the address of its page among those that are being reviewed."""

from typing import Any

from django import template
from django.utils.text import Truncator

from dreams.entries import Entry
from dreams.inbox import LINE_CHARS
from dreams.links import proposal_address
from dreams.models import Proposal, ProposalKind

register = template.Library()

FALLBACK = "An empty text"
ROW_CHARS = 240  # a typed lesson at its longest


@register.filter
def headline(proposal: Proposal) -> str:
    """The entry without its id and its counts; of several lines the first."""
    line = next((line for line in _text_of(proposal).splitlines() if line.strip(" #")), FALLBACK)
    return Entry(id="", path="", text=line).body.lstrip("# ")


@register.filter
def row_headline(proposal: Proposal) -> str:
    """The headline as far as a row shows it."""
    return Truncator(headline(proposal)).chars(ROW_CHARS)


@register.filter
def fits_a_row(proposal: Proposal) -> bool:
    """Whether a row shows every word that approving would write or take out: none is approved unseen."""
    text = _text_of(proposal)
    return len(text) < LINE_CHARS and "\n" not in text.strip() and len(headline(proposal)) <= ROW_CHARS


def _text_of(proposal: Proposal) -> str:
    """What it brings, or takes away; of a row of a list only the beginning is loaded."""
    gone = proposal.kind == ProposalKind.RETIRE
    start: str | None = getattr(proposal, "before_start" if gone else "text_start", None)
    if start is not None:
        return start
    return proposal.before if gone else proposal.text


@register.simple_tag(takes_context=True)
def proposal_url(context: dict[str, Any], proposal_id: str, verb: str = "", **query: str) -> str:
    """The address of a proposal or of a verb on it; where one dream alone is reviewed, it stays within it."""
    return proposal_address(proposal_id, verb, dream=context.get("dream_in_review", ""), **query)
