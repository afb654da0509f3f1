"""The tables of dreams and of their review."""

from dreams.models.dream import Dream, DreamPhase, DreamRequest, DreamStatus, PhaseStatus
from dreams.models.review import (
    Decision,
    Evidence,
    Lane,
    Proposal,
    ProposalKind,
    ProposalStatus,
    Review,
)

__all__ = [
    "Decision",
    "Dream",
    "DreamPhase",
    "DreamRequest",
    "DreamStatus",
    "Evidence",
    "Lane",
    "PhaseStatus",
    "Proposal",
    "ProposalKind",
    "ProposalStatus",
    "Review",
]
