"""What pages say about the queue as a whole, together or, after a decision, as swaps beside the row that changed."""

from typing import Any

from agents.models import Member
from dreams import inbox
from dreams.views.newcomer import demo_agent, first_steps, guidance


def queue_state(member: Member) -> dict[str, Any]:
    """Numbers, where reviewing begins, and what leads on from here."""
    workspace = member.workspace
    waiting = inbox.waiting(workspace)
    demo = demo_agent(workspace)
    return {
        "waiting": waiting,
        "inbox_count": waiting.count,
        "risky": sum(number for rank, number in waiting.by_rank.items() if rank > 0),
        "next_id": inbox.pending(workspace).order_by("-risk_rank", "pk").values_list("pk", flat=True).first() or "",
        "may_review": member.may_review,
        "demo": demo,
        **guidance(first_steps(workspace, demo), waiting=waiting.count),
    }
