"""What waits for people: one review per dream, its proposals with their evidence, and every decision on them."""

from django.db import models

from agents.ids import MAX_ID_LENGTH
from agents.models.base import PublicIdField, WorkspaceOwned
from dreams.models.dream import Dream
from memory.models import MemoryStore


class Review(WorkspaceOwned):
    """One dream's result. It has no status of its own: it waits while any of its proposals does."""

    id = PublicIdField("review", primary_key=True)
    dream = models.OneToOneField(Dream, on_delete=models.CASCADE, related_name="review")
    store = models.ForeignKey(MemoryStore, on_delete=models.CASCADE, related_name="reviews")

    def __str__(self) -> str:
        return self.id


class ProposalKind(models.TextChoices):
    ADD = "add"
    MERGE = "merge"
    SUPERSEDE = "supersede"
    RETIRE = "retire"
    MOVE = "move"
    NARROW = "narrow"


class Lane(models.TextChoices):
    AUTO = "auto"
    REVIEW = "review"
    QUARANTINE = "quarantine"
    REJECT = "reject"


class ProposalStatus(models.TextChoices):
    PENDING = "pending"  # waits for a person
    APPROVED = "approved"  # decided; the store is being written
    APPLIED = "applied"  # in the store
    APPLY_FAILED = "apply_failed"  # approved, but the store could not be written: back in the inbox with the error
    REJECTED = "rejected"
    REVERTED = (
        "reverted"  # was applied, then undone when the store or a later dream had gone on: it does not wait again
    )
    STALE = "stale"  # the entries it addresses changed underneath
    SUPERSEDED = "superseded"  # a later dream proposes something newer for the same entries
    EXPIRED = "expired"

    @property
    def is_waiting(self) -> bool:
        return self in (ProposalStatus.PENDING, ProposalStatus.STALE, ProposalStatus.APPLY_FAILED)


TRANSITIONS: dict[str, set[str]] = {
    ProposalStatus.PENDING: {
        ProposalStatus.APPROVED,
        ProposalStatus.REJECTED,
        ProposalStatus.STALE,
        ProposalStatus.SUPERSEDED,
        ProposalStatus.EXPIRED,
    },
    ProposalStatus.APPROVED: {ProposalStatus.APPLIED, ProposalStatus.APPLY_FAILED, ProposalStatus.PENDING},
    ProposalStatus.APPLIED: {ProposalStatus.REVERTED, ProposalStatus.PENDING},
    ProposalStatus.APPLY_FAILED: {ProposalStatus.APPROVED, ProposalStatus.REJECTED, ProposalStatus.STALE},
    ProposalStatus.REJECTED: {ProposalStatus.PENDING},
    ProposalStatus.REVERTED: {ProposalStatus.PENDING, ProposalStatus.APPROVED, ProposalStatus.REJECTED},
    ProposalStatus.STALE: {
        ProposalStatus.PENDING,
        ProposalStatus.REJECTED,
        ProposalStatus.SUPERSEDED,
        ProposalStatus.EXPIRED,
    },
    ProposalStatus.SUPERSEDED: set(),
    ProposalStatus.EXPIRED: set(),
}


class Proposal(WorkspaceOwned):
    """One change to named entries of one file.

    `targets` lists the entries it touches: `{"entry_id", "path", "sha256", "text"}`, the hash being its base.
    `before` and `after` are entry texts (several lines when several entries are merged); `after` is what the dream
    proposed, `final_text` what a person made of it. `revision` grows with every edit; approval binds to it.
    `risks` are findings `{"code", "severity", "message", "span"}`; `lane_reasons` is a list of sentences.
    `applied` records what promotion did: entry ids and texts, memory and version ids, so that undo needs nothing else.
    """

    id = PublicIdField("proposal", primary_key=True)
    review = models.ForeignKey(Review, on_delete=models.CASCADE, related_name="proposals")
    store = models.ForeignKey(MemoryStore, on_delete=models.CASCADE, related_name="proposals")
    position = models.PositiveIntegerField()
    kind = models.CharField(max_length=16, choices=ProposalKind)
    topic = models.CharField(max_length=32, default="pitfall")  # workaround | pitfall | workflow | preference | fact
    status = models.CharField(max_length=16, choices=ProposalStatus, default=ProposalStatus.PENDING)
    revision = models.PositiveIntegerField(default=1)
    path = models.CharField(max_length=1_024)
    targets = models.JSONField(default=list)
    before = models.TextField(blank=True)
    after = models.TextField(blank=True)
    final_text = models.TextField(null=True, blank=True)
    base_sha256 = models.CharField(
        max_length=64, blank=True
    )  # of all targets together; what an approval is checked against
    reason = models.TextField()
    claims = models.JSONField(default=list)
    support = models.JSONField(default=dict)  # {"sessions", "principals", "last_seen", "counter_examples"}
    lane = models.CharField(max_length=16, choices=Lane)
    lane_reasons = models.JSONField(default=list)
    risks = models.JSONField(default=list)
    risk_rank = models.PositiveSmallIntegerField(default=0)  # inbox order: highest first
    words_added = models.PositiveIntegerField(default=0)
    words_removed = models.PositiveIntegerField(default=0)
    evidence_count = models.PositiveIntegerField(default=0)
    decided_by = models.ForeignKey("agents.Member", null=True, on_delete=models.SET_NULL, related_name="+")
    decided_at = models.DateTimeField(null=True)
    applied = models.JSONField(null=True)
    error = models.TextField(blank=True)
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(status__in=ProposalStatus.values), name="proposal_status_known"),
            models.CheckConstraint(condition=models.Q(kind__in=ProposalKind.values), name="proposal_kind_known"),
            models.CheckConstraint(condition=models.Q(lane__in=Lane.values), name="proposal_lane_known"),
            models.UniqueConstraint(fields=["review", "position"], name="proposal_position_once"),
        ]
        indexes = [
            models.Index(fields=["workspace", "status", "-risk_rank", "id"], name="proposal_inbox"),
            models.Index(fields=["store", "path"], name="proposal_of_file"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.path}"

    @property
    def is_waiting(self) -> bool:
        return ProposalStatus(self.status).is_waiting

    @property
    def has_text(self) -> bool:
        """Whether it brings words of its own, which a person may put differently."""
        return self.kind not in (ProposalKind.RETIRE, ProposalKind.MOVE)

    @property
    def text(self) -> str:
        """What approving now would write."""
        return self.after if self.final_text is None else self.final_text


class Evidence(models.Model):
    """A quote that code found, letter for letter, in that event of that session."""

    id = PublicIdField("evidence", primary_key=True)
    proposal = models.ForeignKey(Proposal, on_delete=models.CASCADE, related_name="evidence")
    position = models.PositiveIntegerField()
    session_id = models.CharField(max_length=MAX_ID_LENGTH, db_index=True)
    event_id = models.CharField(max_length=MAX_ID_LENGTH)
    event_type = models.CharField(max_length=64)
    quote = models.TextField()
    speaker = models.CharField(max_length=64)
    trust = models.PositiveSmallIntegerField()
    principal = models.CharField(max_length=255)
    occurred_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["position"]

    def __str__(self) -> str:
        return f"{self.session_id} {self.event_id}"


class Decision(WorkspaceOwned):
    """One audit row: who moved a proposal from what to what, when and why; rows are only ever added."""

    class Verb(models.TextChoices):
        APPROVE = "approve"
        EDIT = "edit"
        REJECT = "reject"
        UNDO = "undo"
        APPLY = "apply"
        APPLY_FAILED = "apply_failed"
        MARK_STALE = "mark_stale"
        RELEASE = "release"  # out of quarantine
        AUTO = "auto"

    id = PublicIdField("decision", primary_key=True)
    proposal = models.ForeignKey(Proposal, on_delete=models.CASCADE, related_name="decisions")
    member = models.ForeignKey("agents.Member", null=True, on_delete=models.SET_NULL, related_name="+")
    api_key = models.ForeignKey("agents.ApiKey", null=True, on_delete=models.SET_NULL, related_name="+")
    verb = models.CharField(max_length=16, choices=Verb)
    from_status = models.CharField(max_length=16)
    to_status = models.CharField(max_length=16)
    revision = models.PositiveIntegerField()
    base_sha256 = models.CharField(max_length=64, blank=True)
    result_sha256 = models.CharField(max_length=64, blank=True)
    reason_code = models.CharField(max_length=32, blank=True)
    reason = models.TextField(blank=True)
    memory_version_ids = models.JSONField(default=list)

    class Meta:
        ordering = ["created_at", "id"]

    def __str__(self) -> str:
        return f"{self.verb} {self.proposal_id}"
