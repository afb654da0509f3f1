"""A proposal in one line: what agents would read, or would no longer read."""

from django import template

from dreams.entries import Entry
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
