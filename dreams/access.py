"""Lookups of dreams, reviews and proposals inside one workspace: a foreign id is a missing one."""

from agents.access import Scoped, access_row
from dreams.models import Dream, DreamPolicy, Proposal, Review


def access_dream(scoped: Scoped, dream_id: str) -> Dream:
    return access_row(Dream, scoped, dream_id, "Dream")


def access_review(scoped: Scoped, review_id: str) -> Review:
    return access_row(Review, scoped, review_id, "Review")


def access_proposal(scoped: Scoped, proposal_id: str) -> Proposal:
    return access_row(Proposal, scoped, proposal_id, "Proposal")


def access_policy(scoped: Scoped, policy_id: str) -> DreamPolicy:
    return access_row(DreamPolicy, scoped, policy_id, "Dream policy")
