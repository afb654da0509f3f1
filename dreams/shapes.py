"""Dreams as the wire shows them; reviews and proposals in the same style. Plain dicts, no queries of their own."""

from typing import Any

from django.utils import timezone

from agents import cron
from agents.eventlog.wire import timestamp
from dreams.models import Dream, DreamPolicy, DreamPolicyRun, Evidence, Proposal, Review
from dreams.models.dream import OutputBehavior
from dreams.services import NO_USAGE


def dream_shape(dream: Dream) -> dict[str, Any]:
    output = [{"type": "memory_store", "memory_store_id": dream.output_store_id}] if dream.output_store_id else []
    return {
        "id": dream.pk,
        "type": "dream",
        "status": dream.status,
        "inputs": [
            {"type": "memory_store", "memory_store_id": dream.input_store_id},
            {"type": "sessions", "session_ids": list(dream.input_session_ids)},
        ],
        "outputs": output,
        "model": dict(dream.model),
        "instructions": dream.instructions,
        "output_behavior": _output_behavior(dream),
        "session_id": dream.session_id,
        "usage": {name: int((dream.usage or {}).get(name, 0)) for name in NO_USAGE},
        "error": dream.error,
        "created_at": timestamp(dream.created_at),
        "ended_at": timestamp(dream.ended_at),
        "archived_at": timestamp(dream.archived_at),
    }


def _output_behavior(dream: Dream) -> dict[str, str]:
    if dream.output_behavior == OutputBehavior.UPDATE_EXISTING:
        return {"type": "update_existing", "memory_store_id": dream.input_store_id}
    return {"type": "create_new"}


def policy_shape(policy: DreamPolicy) -> dict[str, Any]:
    return {
        "id": policy.pk,
        "type": "dream_policy",
        "name": policy.name,
        "agent_id": policy.agent_id,
        "memory_store_id": policy.store_id,
        "objective": policy.objective,
        "mode": policy.mode,
        "model": policy.model,
        "schedule": schedule_shape(policy),
        "sessions": {"limit": policy.session_limit, "window_days": policy.window_days},
        "enabled": policy.is_enabled,
        "created_at": timestamp(policy.created_at),
        "updated_at": timestamp(policy.updated_at),
        "archived_at": timestamp(policy.archived_at),
    }


def schedule_shape(policy: DreamPolicy) -> dict[str, Any] | None:
    """Like a deployment's: what the clock would do, also while the policy is disabled; nothing once it is archived."""
    if not policy.cron:
        return None
    ahead = [] if policy.is_archived else cron.upcoming(policy.cron, policy.timezone, timezone.now())
    return {
        "type": "cron",
        "expression": policy.cron,
        "timezone": policy.timezone,
        "upcoming_runs_at": [timestamp(moment) for moment in ahead],
        "last_run_at": timestamp(policy.last_run_at),
    }


def policy_run_shape(run: DreamPolicyRun) -> dict[str, Any]:
    trigger = {"type": run.trigger}
    if run.scheduled_at:
        trigger["scheduled_at"] = str(timestamp(run.scheduled_at))
    return {
        "id": run.pk,
        "type": "dream_policy_run",
        "dream_policy_id": run.policy_id,
        "trigger_context": trigger,
        "result": run.result,
        "dream_id": run.dream_id,
        "session_count": run.session_count,
        "reason": run.reason or None,
        "created_at": timestamp(run.created_at),
    }


def review_shape(review: Review, counts: dict[str, int]) -> dict[str, Any]:
    """`counts` is the number of proposals by status."""
    return {
        "id": review.pk,
        "type": "review",
        "dream_id": review.dream_id,
        "memory_store_id": review.store_id,
        "proposal_counts": counts,
        "created_at": timestamp(review.created_at),
    }


def proposal_shape(proposal: Proposal, evidence: list[Evidence] | None = None) -> dict[str, Any]:
    """With its evidence where that was loaded."""
    shape = {
        "id": proposal.pk,
        "type": "proposal",
        "review_id": proposal.review_id,
        "memory_store_id": proposal.store_id,
        "kind": proposal.kind,
        "topic": proposal.topic,
        "status": proposal.status,
        "lane": proposal.lane,
        "lane_reasons": proposal.lane_reasons,
        "risks": proposal.risks,
        "revision": proposal.revision,
        "path": proposal.path,
        "targets": proposal.targets,
        "base_sha256": proposal.base_sha256,
        "before": proposal.before,
        "after": proposal.after,
        "final_text": proposal.final_text,
        "reason": proposal.reason,
        "support": {name: value for name, value in proposal.support.items() if name != "case"},
        "evidence_count": proposal.evidence_count,
        "memory_versions": (proposal.applied or {}).get("versions", []),
        "error": proposal.error or None,
        "decided_by": proposal.decided_by_id,
        "decided_at": timestamp(proposal.decided_at),
        "created_at": timestamp(proposal.created_at),
        "updated_at": timestamp(proposal.updated_at),
    }
    return shape if evidence is None else {**shape, "evidence": [evidence_shape(row) for row in evidence]}


def evidence_shape(row: Evidence) -> dict[str, Any]:
    return {
        "session_id": row.session_id,
        "event_id": row.event_id,
        "event_type": row.event_type,
        "quote": row.quote,
        "speaker": row.speaker,
        "trust": row.trust,
        "principal": row.principal,
        "occurred_at": timestamp(row.occurred_at),
    }
