"""PURE: the types of events that webhooks tell of, by what they are about."""

FAMILIES: dict[str, tuple[str, ...]] = {
    "session": (
        "session.created",
        "session.pending",
        "session.running",
        "session.idled",
        "session.requires_action",
        "session.archived",
        "session.deleted",
        "session.status_run_started",
        "session.status_idled",
        "session.status_rescheduled",
        "session.status_terminated",
        "session.updated",
        "session.budget_reached",
        "session.outcome_evaluation_ended",
        "session.thread_created",
        "session.thread_idled",
        "session.thread_terminated",
        "session.escalated",  # beyond the wire
    ),
    "agent": ("agent.created", "agent.updated", "agent.archived", "agent.deleted"),
    "environment": ("environment.created", "environment.updated", "environment.archived", "environment.deleted"),
    "memory_store": ("memory_store.created", "memory_store.archived", "memory_store.deleted"),
    "vault": ("vault.created", "vault.archived", "vault.deleted"),
    "vault_credential": (
        "vault_credential.created",
        "vault_credential.archived",
        "vault_credential.deleted",
        "vault_credential.refresh_failed",
    ),
    "deployment": (
        "deployment.created",
        "deployment.updated",
        "deployment.paused",
        "deployment.unpaused",
        "deployment.archived",
        "deployment.deleted",
    ),
    "deployment_run": ("deployment_run.started", "deployment_run.succeeded", "deployment_run.failed"),
    # Beyond the wire, in the same envelope
    "dream": (
        "dream.created",
        "dream.running",
        "dream.completed",
        "dream.failed",
        "dream.canceled",
        "dream.archived",
    ),
    "dream_policy": (
        "dream_policy.created",
        "dream_policy.updated",
        "dream_policy.archived",
        "dream_policy.run_started",
        "dream_policy.run_nothing_new",
        "dream_policy.run_skipped",
        "dream_policy.run_failed",
    ),
    "review": ("review.created",),
    "proposal": ("proposal.approved", "proposal.applied", "proposal.rejected", "proposal.reverted"),
}
# A subscriber may choose the first; what happens is told as the second.
ALIASES = {
    "session.pending": "session.created",
    "session.running": "session.status_run_started",
    "session.idled": "session.status_idled",
    "session.requires_action": "session.status_idled",
}
# Of the wire, but about things that only the vendor's own service has: they can be chosen and never happen here.
NEVER_HERE = (
    "user_profile.enforcement_action_opened",
    "user_profile.enforcement_action_resolved",
    "user_profile.program_status_updated",
    "external_key.failed",
    "external_key.recovered",
)
EVENT_TYPES = frozenset(name for family in FAMILIES.values() for name in family) | frozenset(NEVER_HERE)
