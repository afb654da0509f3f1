"""Read side of outcomes: sessions in, frozen numbers out."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median

from django.db.models import Count, Min, Q, QuerySet

from agents.models import Agent, Session, SessionResource, VerdictResult
from agents.prices import Cost, PriceBook, lines_of, total
from agents.services.prices import book_of
from memory.models import MemoryVersion
from outcomes.baselines import Comparison, Rate, compare, rate

COMPLETED = Q(verdict=VerdictResult.COMPLETED, escalated_at=None)
JUDGED = Q(verdict__isnull=False)
UNCHANGED = "Memory has not changed yet, so there is nothing to compare."


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """The sessions on one side of the first change to memory. Costs are of those with a verdict whose usage is known,
    imported ones left out; `per_completed` includes what the others cost."""

    rate: Rate
    escalated: int
    unjudged: int
    median_seconds: float | None
    median_tokens: float | None
    per_session: Cost | None
    per_completed: Cost | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentOutcome:
    """What an agent completed before and after memory first changed; `first_change` is None until it does."""

    first_change: MemoryVersion | None
    before: Side
    after: Side
    comparison: Comparison

    @property
    def sentence(self) -> str:
        """The verdict in one plain sentence."""
        return self.comparison.sentence if self.first_change else UNCHANGED

    @property
    def unjudged(self) -> int:
        """Sessions without a verdict, which count on neither side."""
        return self.before.unjudged + self.after.unjudged

    @property
    def rows(self) -> list[tuple[str, Rate]]:
        """For the picture."""
        return [("Before", self.before.rate), ("After", self.after.rate)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Glance:
    """The rates of an `AgentOutcome` alone."""

    has_changed: bool
    before: Rate
    after: Rate

    @property
    def sentence(self) -> str:
        return compare(self.before, self.after).sentence if self.has_changed else UNCHANGED


def glances(agents: Sequence[Agent]) -> list[tuple[Agent, Glance]]:
    """Several agents before and after, in three queries whatever their number."""
    changes = _first_changes(agents)
    is_before = Q(agent__in=[agent.pk for agent in agents if agent.pk not in changes])
    for agent_id, moment in changes.items():
        is_before |= Q(agent=agent_id, created_at__lt=moment)
    counts = Session.objects.filter(JUDGED, agent__in=agents).order_by().values("agent")
    rows = counts.annotate(
        done=Count("pk", filter=COMPLETED & is_before),
        judged=Count("pk", filter=is_before),
        done_after=Count("pk", filter=COMPLETED & ~is_before),
        judged_after=Count("pk", filter=~is_before),
    )
    found = {row["agent"]: row for row in rows}
    told = []
    for agent in agents:
        row = found.get(agent.pk, {"done": 0, "judged": 0, "done_after": 0, "judged_after": 0})
        before, after = rate(row["done"], row["judged"]), rate(row["done_after"], row["judged_after"])
        told.append((agent, Glance(has_changed=agent.pk in changes, before=before, after=after)))
    return told


def _first_changes(agents: Sequence[Agent]) -> dict[str, datetime]:
    """When memory that the agents' sessions mount first changed through an approved proposal, by agent."""
    mounts = SessionResource.objects.filter(kind="memory_store", session__agent__in=agents).order_by()
    pairs = list(mounts.values_list("session__agent", "target_id").distinct())
    promoted = MemoryVersion.objects.filter(store__in={store for _, store in pairs}, proposal_id__isnull=False)
    moments = dict(promoted.order_by().values_list("store").annotate(first=Min("created_at")))
    first: dict[str, datetime] = {}
    for agent_id, store in pairs:
        if store in moments:
            first[agent_id] = min(moments[store], first.get(agent_id, moments[store]))
    return first


def agent_outcome(agent: Agent) -> AgentOutcome:
    """Completed before and after the first promotion into a store that this agent's sessions mount."""
    change = first_change(agent)
    sessions, book = Session.objects.filter(agent=agent), book_of(agent.workspace)
    if change is None:
        before, after = _side(sessions, book), _side(sessions.none(), book)
    else:
        before = _side(sessions.filter(created_at__lt=change.created_at), book)
        after = _side(sessions.filter(created_at__gte=change.created_at), book)
    return AgentOutcome(first_change=change, before=before, after=after, comparison=compare(before.rate, after.rate))


def first_change(agent: Agent) -> MemoryVersion | None:
    """The first memory version that came from an approved proposal and that this agent could have read."""
    mounted = SessionResource.objects.filter(kind="memory_store", session__agent=agent).values("target_id")
    promoted = MemoryVersion.objects.filter(store__in=mounted, proposal_id__isnull=False)
    return promoted.order_by("created_at", "pk").first()


def mounted_stores(agent: Agent) -> list[str]:
    """The stores that this agent's sessions mount."""
    found = SessionResource.objects.filter(kind="memory_store", session__agent=agent)
    return list(found.order_by("target_id").values_list("target_id", flat=True).distinct())


def day_rates(agent: Agent, since: datetime) -> list[tuple[str, Rate]]:
    """Completed per day, oldest first."""
    days: dict[str, list[int]] = {}
    rows = Session.objects.filter(JUDGED, agent=agent, created_at__gte=since).order_by("created_at")
    for created, verdict, escalated in rows.values_list("created_at", "verdict", "escalated_at"):
        day = days.setdefault(f"{created:%d %b}".lstrip("0"), [0, 0])
        day[0] += verdict == VerdictResult.COMPLETED and escalated is None
        day[1] += 1
    return [(day, rate(done, total)) for day, (done, total) in days.items()]


def _side(sessions: QuerySet[Session], book: PriceBook) -> Side:
    judged = sessions.filter(JUDGED)
    rows = list(judged.values_list("active_seconds", "usage", "spent"))
    tokens = [used for _, usage, _ in rows if (used := _tokens(usage))]
    seconds = [active for active, _, _ in rows if active]
    bills = [spent for _, _, spent in rows if spent]
    cost = total(line for spent in bills for line in lines_of(spent, book))
    return Side(
        rate=rate(sessions.filter(COMPLETED).count(), len(rows)),
        escalated=sessions.exclude(escalated_at=None).count(),
        unjudged=sessions.filter(verdict=None).count(),
        median_seconds=median(seconds) if seconds else None,
        median_tokens=median(tokens) if tokens else None,
        per_session=_each(cost, len(bills)),
        per_completed=_each(cost, sessions.filter(COMPLETED).exclude(spent={}).count()),
    )


def _each(cost: Cost, number: int) -> Cost | None:
    return Cost(usd=cost.usd / number, unpriced=cost.unpriced) if number else None


def _tokens(usage: dict[str, int] | None) -> int:
    return sum((usage or {}).get(name) or 0 for name in ("input_tokens", "output_tokens"))
