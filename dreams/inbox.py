"""What waits for people, in which order; read side only, every query bounded by an index and a page size."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Min, Q, QuerySet
from django.db.models.functions import Coalesce, Left
from django.utils import timezone

from agents.models import Member, Workspace
from dreams.models import Decision, Lane, Proposal, ProposalStatus

PAGE_SIZE = 40
FRESH_HOURS = 12  # a working day; after a night nobody remembers what `u` would take back
LINE_CHARS = 700  # an entry is one line of at most 600; a whole file may have 100 kB
WAITING = [status.value for status in ProposalStatus if status.is_waiting]
UNDOABLE = (ProposalStatus.APPLIED, ProposalStatus.REJECTED)
SET_ASIDE = (Lane.QUARANTINE, Lane.REJECT)
DECISIONS = (Decision.Verb.APPROVE, Decision.Verb.EDIT, Decision.Verb.REJECT, Decision.Verb.UNDO)
# A row of the inbox needs none of the long texts.
ROW_FIELDS = (
    "id", "workspace_id", "review_id", "store_id", "kind", "topic", "status", "path", "reason", "lane", "lane_reasons",
    "risks", "risk_rank", "words_added", "words_removed", "evidence_count", "created_at", "decided_at", "revision",
    "base_sha256", "support", "error", "decided_by_id",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """The state of the queue."""

    count: int
    quarantined: int
    oldest: datetime | None
    by_rank: Counter[int]


def proposals_of(workspace: Workspace) -> QuerySet[Proposal]:
    """All of them, of this workspace."""
    return Proposal.objects.in_workspace(workspace)


def pending(workspace: Workspace) -> QuerySet[Proposal]:
    """What waits for a decision; quarantined text has a place of its own."""
    return proposals_of(workspace).filter(status__in=WAITING).exclude(lane__in=SET_ASIDE)


def quarantined(workspace: Workspace) -> QuerySet[Proposal]:
    """Waiting, and not to be trusted."""
    return proposals_of(workspace).filter(status__in=WAITING, lane=Lane.QUARANTINE)


def decided(workspace: Workspace) -> QuerySet[Proposal]:
    """Whatever no longer waits."""
    return proposals_of(workspace).exclude(status__in=WAITING)


def waiting(workspace: Workspace) -> Waiting:
    """How much waits, since when, and how risky it is."""
    found = proposals_of(workspace).filter(status__in=WAITING).exclude(lane=Lane.REJECT)
    ranks = found.values_list("risk_rank", "lane").annotate(number=Count("pk"), since=Min("created_at")).order_by()
    quarantined, by_rank = 0, Counter[int]()
    moments: list[datetime] = []
    for rank, lane, number, since in ranks:
        if lane == Lane.QUARANTINE:
            quarantined += number
        else:
            by_rank[rank] += number
            moments.append(since)
    return Waiting(count=by_rank.total(), quarantined=quarantined, oldest=min(moments, default=None), by_rank=by_rank)


RANK_DIGITS = 9  # in an address; no rank has as many


def by_risk(proposals: QuerySet[Proposal], *, after: str = "", size: int = PAGE_SIZE) -> tuple[list[Proposal], str]:
    """The riskiest first, then the oldest; `after` is the place of the last row seen, the second value the next one.

    Keys are sorted first and rows fetched by key: sorting 10,000 whole rows with their texts takes ten times as long.
    """
    rank, _, key = after.partition(".")
    if rank.isascii() and rank.isdigit() and len(rank) <= RANK_DIGITS and key:
        proposals = proposals.filter(Q(risk_rank__lt=int(rank)) | Q(risk_rank=int(rank), pk__gt=key))
    keys = list(proposals.order_by("-risk_rank", "pk").values_list("pk", flat=True)[: size + 1])
    items = _rows(keys[:size])
    return items, place(items[-1]) if len(keys) > size else ""


def by_decision(proposals: QuerySet[Proposal], *, after: str = "", size: int = PAGE_SIZE) -> tuple[list[Proposal], str]:
    """The latest decision first."""
    seen = proposals.filter(pk=after).values_list("updated_at", flat=True).first() if after else None
    if seen:
        proposals = proposals.filter(Q(updated_at__lt=seen) | Q(updated_at=seen, pk__lt=after))
    keys = list(proposals.order_by("-updated_at", "-pk").values_list("pk", flat=True)[: size + 1])
    items = _rows(keys[:size])
    return items, items[-1].pk if len(keys) > size else ""


def place(proposal: Proposal) -> str:
    """Where a proposal stands in the order of risk."""
    return f"{proposal.risk_rank}.{proposal.pk}"


def of_dream(proposals: QuerySet[Proposal], dream_id: str) -> QuerySet[Proposal]:
    """Those of one dream; of every dream where none is named."""
    return proposals.filter(review__dream=dream_id) if dream_id else proposals


def neighbours(proposal: Proposal, *, dream_id: str = "") -> tuple[str, str]:
    """The ids before and after this one among what waits beside it, of one dream or of all; empty at the ends."""
    queue = quarantined if proposal.lane == Lane.QUARANTINE else pending
    others = of_dream(queue(proposal.workspace), dream_id).exclude(pk=proposal.pk)
    rank, key = proposal.risk_rank, proposal.pk
    later = others.filter(Q(risk_rank__lt=rank) | Q(risk_rank=rank, pk__gt=key)).order_by("-risk_rank", "pk")
    earlier = others.filter(Q(risk_rank__gt=rank) | Q(risk_rank=rank, pk__lt=key)).order_by("risk_rank", "-pk")
    return _first(earlier), _first(later)


def next_to_decide(proposal: Proposal, *, dream_id: str = "") -> str:
    """Where a reviewer goes from here: the next one, at the end of the queue the first."""
    before, after = neighbours(proposal, dream_id=dream_id)
    return after or first_to_decide(proposal.workspace, dream_id=dream_id, besides=proposal.pk) or before


def first_to_decide(workspace: Workspace, *, dream_id: str = "", besides: str = "") -> str:
    """Where reviewing begins: the riskiest that waits; empty where nothing does."""
    return _first(of_dream(pending(workspace), dream_id).exclude(pk=besides).order_by("-risk_rank", "pk"))


def last_decision(member: Member) -> Decision | None:
    """What `u` would undo: my last decision, unless it was an undo. Older ones are undone on their own pages."""
    since = timezone.now() - timedelta(hours=FRESH_HOURS)
    found = Decision.objects.filter(member=member, verb__in=DECISIONS, created_at__gt=since).select_related("proposal")
    last = found.order_by("-created_at", "-pk").first()
    return last if last and last.verb != Decision.Verb.UNDO and last.proposal.status in UNDOABLE else None


def _first(proposals: QuerySet[Proposal]) -> str:
    return proposals.values_list("pk", flat=True).first() or ""


def _rows(keys: Iterable[str]) -> list[Proposal]:
    found = Proposal.objects.filter(pk__in=list(keys)).select_related("review", "decided_by__user")
    text = Coalesce("final_text", "after")
    texts = {"before_start": Left("before", LINE_CHARS), "text_start": Left(text, LINE_CHARS)}
    rows = found.only(*ROW_FIELDS, "review__dream_id", "decided_by__user__username").annotate(**texts).in_bulk()
    return [rows[key] for key in keys if key in rows]
