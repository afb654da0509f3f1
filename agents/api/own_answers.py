"""PURE: what operations beyond the wire answer, as types for the document; a test compares each with real answers."""

from datetime import date, datetime
from typing import Any, Literal, NamedTuple, NotRequired, TypedDict


class Amount(TypedDict):
    """Whole cents as a string."""

    amount: str
    currency: Literal["USD"]


class AuditActor(TypedDict):
    type: str
    id: str
    name: str


class AuditEvent(TypedDict):
    id: str
    type: Literal["audit_event"]
    created_at: datetime
    actor: AuditActor
    action: str
    object_id: str
    object_name: str | None
    detail: str | None
    reason: str | None


class Cost(TypedDict):
    """One sum, with the members of `group_by` that were asked for."""

    type: Literal["cost"]
    day: NotRequired[date | None]
    kind: NotRequired[str | None]
    agent_id: NotRequired[str | None]
    model: NotRequired[str | None]
    sessions: int
    completed_sessions: int
    tokens: int
    cache_read_input_tokens: int
    unpriced_tokens: int
    list_cost: Amount | None
    priced_list_cost: Amount
    practice_list_cost: Amount


class CostReport(TypedDict):
    type: Literal["cost_report"]
    currency: Literal["USD"]
    group_by: list[Literal["day", "kind", "agent_id", "model"]]
    data: list[Cost]


class DreamModel(TypedDict):
    id: str
    speed: Literal["standard"]


class DreamSchedule(TypedDict):
    """Without times ahead once the policy is archived."""

    type: Literal["cron"]
    expression: str
    timezone: str
    upcoming_runs_at: list[datetime]
    last_run_at: datetime | None


class DreamSessions(TypedDict):
    limit: int
    window_days: int


class DreamPolicy(TypedDict):
    """`schedule` null: by hand only; `model` null: the agent's own; `agent_id` null: the sessions of all agents."""

    id: str
    type: Literal["dream_policy"]
    name: str
    agent_id: str | None
    memory_store_id: str
    objective: str | None
    mode: Literal["review", "auto"]
    model: DreamModel | None
    schedule: DreamSchedule | None
    sessions: DreamSessions
    enabled: bool
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None


class DreamTrigger(TypedDict):
    """`scheduled_at` is the time that a scheduled run is for."""

    type: Literal["schedule", "manual"]
    scheduled_at: NotRequired[datetime]


class DreamPolicyRun(TypedDict):
    id: str
    type: Literal["dream_policy_run"]
    dream_policy_id: str
    trigger_context: DreamTrigger
    result: Literal["started", "nothing_new", "skipped", "failed"]
    dream_id: str | None
    session_count: int
    reason: str | None
    created_at: datetime


class Review(TypedDict):
    """`proposal_counts` by status."""

    id: str
    type: Literal["review"]
    dream_id: str
    memory_store_id: str
    proposal_counts: dict[str, int]
    created_at: datetime


class Evidence(TypedDict):
    session_id: str
    event_id: str
    event_type: str
    quote: str
    speaker: str
    trust: Literal[0, 1, 2]
    principal: str
    occurred_at: datetime | None


class Risk(TypedDict):
    """`span` is where in the text it was found."""

    code: str
    severity: str
    message: str
    span: list[int] | None


class WrittenMemory(TypedDict):
    path: str
    memory_id: str | None
    version_id: str | None


class Proposal(TypedDict):
    """`evidence` is absent in lists; `final_text` is what a person made of `after`."""

    id: str
    type: Literal["proposal"]
    review_id: str
    memory_store_id: str
    kind: Literal["add", "merge", "supersede", "retire", "move", "narrow"]
    topic: str
    status: Literal[
        "pending",
        "approved",
        "applied",
        "apply_failed",
        "rejected",
        "reverted",
        "stale",
        "superseded",
        "expired",
    ]
    lane: Literal["auto", "review", "quarantine", "reject"]
    lane_reasons: list[str]
    risks: list[Risk]
    revision: int
    path: str
    targets: list[Any]
    base_sha256: str
    before: str
    after: str
    final_text: str | None
    reason: str
    support: dict[str, Any]
    evidence_count: int
    memory_versions: list[WrittenMemory]
    error: str | None
    decided_by: str | None
    decided_at: datetime | None
    created_at: datetime
    updated_at: datetime
    evidence: NotRequired[list[Evidence]]


class OperationsTurns(TypedDict):
    running: int
    waiting: int
    oldest_wait_seconds: float | None
    retrying: int
    lost: int
    losses: int
    repeated_model_requests: int


class OperationsLimits(TypedDict):
    """Calls per minute are 0 where they are not limited."""

    slots: int | None
    slots_per_worker: int
    queued_events_per_session: int
    model_requests_per_turn: int
    losses_per_step: int
    reads_per_minute: int
    writes_per_minute: int


class OperationsReport(TypedDict):
    type: Literal["operations_report"]
    created_at: datetime
    turns: OperationsTurns
    limits: OperationsLimits


class SessionVerdict(TypedDict):
    id: str
    type: Literal["session_verdict"]
    session_id: str
    result: Literal["completed", "failed"]
    source: Literal["checker", "person", "import", "grader"]
    explanation: str | None
    created_at: datetime


class SessionEscalation(TypedDict):
    type: Literal["session_escalation"]
    session_id: str
    escalated_at: datetime


class ImportProblem(TypedDict):
    """`line` counts from 1."""

    line: int
    message: str


class SessionImport(TypedDict):
    """`existing` counts what had been imported before."""

    type: Literal["session_import"]
    session_ids: list[str]
    existing: int
    problems: list[ImportProblem]


class OwnAnswer(NamedTuple):
    kind: Any
    is_page: bool = False


OWN_ANSWERS = {
    "GET /audit_events": OwnAnswer(AuditEvent, is_page=True),
    "GET /costs": OwnAnswer(CostReport),
    "GET /operations": OwnAnswer(OperationsReport),
    "POST /dream_policies": OwnAnswer(DreamPolicy),
    "GET /dream_policies": OwnAnswer(DreamPolicy, is_page=True),
    "GET /dream_policies/{policy_id}": OwnAnswer(DreamPolicy),
    "POST /dream_policies/{policy_id}": OwnAnswer(DreamPolicy),
    "POST /dream_policies/{policy_id}/archive": OwnAnswer(DreamPolicy),
    "POST /dream_policies/{policy_id}/run": OwnAnswer(DreamPolicyRun),
    "GET /dream_policies/{policy_id}/runs": OwnAnswer(DreamPolicyRun, is_page=True),
    "GET /reviews": OwnAnswer(Review, is_page=True),
    "GET /reviews/{review_id}": OwnAnswer(Review),
    "GET /proposals": OwnAnswer(Proposal, is_page=True),
    "GET /proposals/{proposal_id}": OwnAnswer(Proposal),
    "POST /proposals/{proposal_id}/approve": OwnAnswer(Proposal),
    "POST /proposals/{proposal_id}/reject": OwnAnswer(Proposal),
    "POST /proposals/{proposal_id}/undo": OwnAnswer(Proposal),
    "POST /proposals/{proposal_id}/release": OwnAnswer(Proposal),
    "POST /sessions/{session_id}/verdict": OwnAnswer(SessionVerdict),
    "GET /sessions/{session_id}/verdicts": OwnAnswer(SessionVerdict, is_page=True),
    "POST /sessions/{session_id}/escalate": OwnAnswer(SessionEscalation),
    "POST /sessions/import": OwnAnswer(SessionImport),
}


def own_answer_of(method: str, path: str) -> OwnAnswer | None:
    return OWN_ANSWERS.get(f"{method.upper()} {path.removeprefix('/v1')}")
