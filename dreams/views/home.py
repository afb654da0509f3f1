"""Home: does anything need me, and is memory getting better?"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count
from django.http import HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_GET

from agents.access import require_role
from agents.http import HtmxHttpRequest, page
from agents.models import Agent, Role, Session, Workspace
from dreams import inbox
from dreams.entries import INDEX_PATH
from dreams.models import Decision, Dream, DreamPolicy, Proposal
from dreams.views.queue import queue_state
from memory.models import MemoryStore, MemoryVersion
from outcomes.baselines import Rate, rate
from outcomes.metrics import Glance, glances

WINDOW_DAYS = 30
AGENTS_SHOWN = 4
FEED_SIZE = 8
FIRST_SHOWN = 3
DREAMS_SHOWN = 14


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """What people decided in the last 30 days; only what was approved as it was counts as approved."""

    rate: Rate
    as_is: int
    edited: int
    rejected: int


@require_GET
@require_role(Role.VIEWER)
def home(request: HtmxHttpRequest) -> HttpResponse:
    """One page, every card from bounded queries."""
    workspace = request.workspace
    dreams = list(Dream.objects.in_workspace(workspace).newest_first()[:DREAMS_SHOWN])
    first = inbox.by_risk(inbox.pending(workspace), size=FIRST_SHOWN)[0]
    context = {
        "section": "home",
        "place": "home",
        **queue_state(request.member, first=first),
        "first": first,
        "last": inbox.last_decision(request.member),
        "in_list": True,
        "approval": approval(workspace, timezone.now()),
        "dreams": dreams,
        "last_dream": dreams[0] if dreams else None,
        "next_policy": DreamPolicy.objects.in_workspace(workspace)
        .exclude(next_run_at=None)
        .order_by("next_run_at")
        .first(),
        "dream_bars": _dream_bars(dreams),
        "agents": _agents(workspace),
        "changes": _changes(workspace),
        "practice_shown": any(dream.is_practice for dream in dreams)
        or Session.objects.in_workspace(workspace).filter(is_practice=True).exists(),
    }
    return page(request, "dreams/home.html", context)


def approval(workspace: Workspace, now: datetime) -> Approval:
    """People's decisions in the window, undone ones left out."""
    since = now - timedelta(days=WINDOW_DAYS)
    verbs = (Decision.Verb.APPROVE, Decision.Verb.EDIT, Decision.Verb.REJECT)
    made = Decision.objects.in_workspace(workspace).filter(created_at__gte=since, verb__in=verbs)
    standing = made.filter(proposal__status__in=("applied", "approved", "rejected"), proposal__decided_at__isnull=False)
    counts = dict(standing.order_by().values_list("verb").annotate(number=Count("proposal", distinct=True)))
    as_is, edited, rejected = (counts.get(verb.value, 0) for verb in verbs)
    return Approval(rate=rate(as_is, as_is + edited + rejected), as_is=as_is, edited=edited, rejected=rejected)


def _dream_bars(dreams: list[Dream]) -> list[tuple[str, tuple[int, ...]]]:
    """Per dream, oldest first: applied, waiting, rejected, set aside."""
    groups = {"applied": 0, "approved": 0, "pending": 1, "stale": 1, "apply_failed": 1, "rejected": 2, "reverted": 2}
    rows = (
        Proposal.objects.filter(review__dream__in=dreams).order_by().values_list("review__dream_id", "lane", "status")
    )
    parts: dict[str, list[int]] = {dream.pk: [0, 0, 0, 0] for dream in dreams}
    for dream_id, lane, status, number in rows.annotate(number=Count("pk")):
        parts[dream_id][3 if lane in inbox.SET_ASIDE else groups.get(status, 3)] += number
    return [(f"{dream.created_at:%d %b, %H:%M}", tuple(parts[dream.pk])) for dream in reversed(dreams)]


def _agents(workspace: Workspace) -> list[tuple[Agent, Glance]]:
    busiest = (
        Agent.objects.in_workspace(workspace)
        .filter(is_internal=False, archived_at=None)
        .annotate(number=Count("sessions"))
        .filter(number__gt=0)
        .order_by("-number", "pk")[:AGENTS_SHOWN]
    )
    return glances(list(busiest))


def _changes(workspace: Workspace) -> list[dict[str, Any]]:
    """What changed in memory lately; a dream's candidate copy is no change of memory."""
    left = Dream.objects.in_workspace(workspace).filter(output_behavior="create_new", output_store_id__isnull=False)
    stores = MemoryStore.objects.in_workspace(workspace).filter(unreviewed_review_id=None)
    stores = stores.exclude(pk__in=left.values("output_store_id"))
    # The index follows every change by itself and would fill half of the list.
    versions = MemoryVersion.objects.filter(store__in=stores).exclude(path=INDEX_PATH)
    versions = versions.select_related("store").order_by("-pk")
    return [{"version": version, "store": version.store} for version in versions.defer("content")[:FEED_SIZE]]
