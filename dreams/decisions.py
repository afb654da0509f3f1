"""Every step of a decision leaves two records: a row of the proposal's own history and one of the audit log."""

from typing import Any

from agents import audit
from agents.actors import Actor
from dreams.models import Decision, Proposal

# What the audit log calls each step of a decision.
PAST = {
    Decision.Verb.APPROVE: "approved",
    Decision.Verb.EDIT: "edited_and_approved",
    Decision.Verb.REJECT: "rejected",
    Decision.Verb.UNDO: "undone",
    Decision.Verb.APPLY: "applied",
    Decision.Verb.APPLY_FAILED: "apply_failed",
    Decision.Verb.MARK_STALE: "found_stale",
    Decision.Verb.RELEASE: "released",
    Decision.Verb.AUTO: "applied_automatically",
}


def record(
    proposal: Proposal, verb: str, from_status: str, to_status: str, *, actor: Actor, **columns: Any
) -> Decision:
    """One row of the proposal's own history and one of the audit log, in the caller's transaction."""
    said = columns.get("reason") or columns.get("reason_code") or ""
    about = f"{proposal.kind} in {proposal.path}"
    audit.record(actor, f"proposal.{PAST[Decision.Verb(verb)]}", proposal.pk, name=about, reason=said)
    return Decision.objects.create(
        workspace_id=proposal.workspace_id,
        proposal=proposal,
        member=actor.member,
        api_key=actor.api_key,
        verb=verb,
        from_status=from_status,
        to_status=to_status,
        revision=proposal.revision,
        **{"base_sha256": proposal.base_sha256, **columns},
    )
