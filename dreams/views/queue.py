"""What pages say about the queue as a whole, together or, after a decision, as swaps beside the row that changed."""

from collections.abc import Sequence
from typing import Any

from agents.models import Member, Workspace
from dreams import inbox
from dreams.models import Proposal
from dreams.views.newcomer import demo_agent, first_steps, guidance


def queue_state(member: Member, *, first: Sequence[Proposal] | None = None) -> dict[str, Any]:
    """Numbers, where reviewing begins, and what leads on from here. `first` is the head of the queue, if known."""
    workspace = member.workspace
    waiting = inbox.waiting(workspace)
    demo = demo_agent(workspace)
    return {
        "waiting": waiting,
        "inbox_count": waiting.count,
        "risky": sum(number for rank, number in waiting.by_rank.items() if rank > 0),
        "next_id": _next_id(workspace) if first is None else first[0].pk if first else "",
        "may_review": member.may_review,
        "demo": demo,
        **guidance(first_steps(workspace, demo), waiting=waiting.count),
    }


def _next_id(workspace: Workspace) -> str:
    return inbox.pending(workspace).order_by("-risk_rank", "pk").values_list("pk", flat=True).first() or ""
