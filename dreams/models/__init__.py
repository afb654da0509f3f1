"""The tables of dreams and of their review."""

from dreams.models.dream import Dream, DreamPhase, DreamRequest, DreamStatus, PhaseStatus
from dreams.models.policy import DreamPolicy, DreamPolicyRun, PolicyMode, PolicyRunResult, PolicyTrigger
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
    "DreamPolicy",
    "DreamPolicyRun",
    "DreamRequest",
    "DreamStatus",
    "Evidence",
    "Lane",
    "PhaseStatus",
    "PolicyMode",
    "PolicyRunResult",
    "PolicyTrigger",
    "Proposal",
    "ProposalKind",
    "ProposalStatus",
    "Review",
]
