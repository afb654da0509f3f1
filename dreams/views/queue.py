"""What pages say about the queue as a whole, together or, after a decision, as swaps beside the row that changed."""

from collections.abc import Sequence
from typing import Any

from agents.models import Member
from dreams import inbox
from dreams.models import Proposal
from dreams.views.newcomer import demo_agent, first_steps, guidance


def queue_state(member: Member, *, first: Sequence[Proposal] | None = None, dream_id: str = "") -> dict[str, Any]:
    """Numbers, where reviewing begins, and what leads on from here. `first` is the head of the queue, if known;
    `dream_id` names the dream whose proposals alone are being reviewed."""
    workspace = member.workspace
    waiting = inbox.waiting(workspace)
    if first is None:
        next_id = inbox.first_to_decide(workspace, dream_id=dream_id)
    else:
        next_id = first[0].pk if first else ""
    demo = demo_agent(workspace)
    return {
        "waiting": waiting,
        "inbox_count": waiting.count,
        "risky": sum(number for rank, number in waiting.by_rank.items() if rank > 0),
        "next_id": next_id,
        "may_review": member.may_review,
        "demo": demo,
        **guidance(first_steps(workspace, demo), waiting=waiting.count),
    }
