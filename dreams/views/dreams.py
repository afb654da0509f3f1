"""Pages of dreams: the list, what one did and whether to trust it, and starting one."""

from collections import Counter
from typing import Any

from django.db.models import Count, QuerySet
from django.http import HttpResponse, HttpResponseBase
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from django_htmx.http import HTMX_STOP_POLLING

from agents.access import access_row, require_role
from agents.http import HtmxHttpRequest, go, newest_first, page
from agents.models import Agent, AgentVersion, Role, Session, SessionKind, SessionResource, SessionStatus
from agents.templatetags.ui import plural
from agents.views.agents import model_name
from dreams.forms import DreamForm
from dreams.limits import SESSIONS_MAX
from dreams.models import Dream, DreamStatus, Proposal
from dreams.services import cancel_dream, create_dream
from memory.models import MemoryStore, Tier

PAGE_SIZE = 40
SESSIONS_OFFERED = 300
MODELS_LOOKED_AT = 50
PHASES = {
    "pin": "the store and the sessions, as they are now",
    "select": "the sessions worth reading",
    "digest": "each transcript, redacted and numbered",
    "mine": "errors, fixes and habits, by code",
    "map": "one model request per session",
    "verify": "every quote, letter for letter",
    "cluster": "claims about the same case",
    "reduce": "one model request per cluster",
    "compile": "changes to single entries; nothing may be lost",
    "gate": "a lane for each change, with reasons",
}
# What a phase counted, as a person says it: things, and what became of them.
NOUNS = {
    "files": "file",
    "sessions": "session",
    "events": "event",
    "error": "error",
    "fixed": "fix,fixes",
    "sequence": "habit",
    "correction": "correction",
    "requests": "request",
    "clusters": "cluster",
    "changes": "change",
    "kept": "claim kept,claims kept",
}
STATES = {
    "no verdict": "without a verdict",
    "unusable": "unusable",
    "auto": "in the auto lane",
    "review": "for review",
    "quarantine": "in quarantine",
    "reject": "refused by a rule",
}


@require_GET
@require_role(Role.VIEWER)
def dream_list(request: HtmxHttpRequest) -> HttpResponse:
    """Dreams, newest first, with what became of their proposals."""
    rows = newest_first(
        Dream.objects.in_workspace(request.workspace), after=request.GET.get("after", ""), size=PAGE_SIZE
    )
    stores = MemoryStore.objects.in_workspace(request.workspace).in_bulk({dream.input_store_id for dream in rows.items})
    counts = _proposal_counts(rows.items)
    context = {
        "section": "dreams",
        "dreams": [
            {"dream": dream, "store": stores.get(dream.input_store_id), "counts": counts.get(dream.pk, {})}
            for dream in rows.items
        ],
        "next": rows.next_query(request),
        "may_start": request.member.may_review,
        "practice_shown": any(dream.is_practice for dream in rows.items),
    }
    return page(request, "dreams/dream_list.html", context)


@require_GET
@require_role(Role.VIEWER)
def dream_detail(request: HtmxHttpRequest, dream_id: str) -> HttpResponse:
    """What it read, did, cost and proposed."""
    dream = access_row(Dream, request.actor, dream_id, "Dream")
    proposals = list(_proposals(dream).only("kind", "lane", "status"))
    sessions = Session.objects.in_workspace(request.workspace).in_bulk(dream.input_session_ids)
    is_running = not DreamStatus(dream.status).is_final
    context = {
        "section": "dreams",
        "dream": dream,
        "store": MemoryStore.objects.in_workspace(request.workspace).filter(pk=dream.input_store_id).first(),
        "phases": _phases(dream),
        "proposal_count": len(proposals),
        "lanes": _table(proposals),
        "outcomes": Counter(proposal.status for proposal in proposals).most_common(),
        "waiting": sum(proposal.is_waiting for proposal in proposals),
        "inputs": [(key, sessions.get(key)) for key in dream.input_session_ids],
        "is_running": is_running,
        "may_cancel": is_running and request.member.may_review,
    }
    response = page(request, "dreams/dream_detail.html", context, partial={"progress": "progress"})
    if request.htmx and not is_running:
        response.status_code = HTMX_STOP_POLLING
    return response


@require_http_methods(["GET", "POST"])
@require_role(Role.REVIEWER)
def dream_new(request: HtmxHttpRequest) -> HttpResponseBase:
    """Choose a store and sessions, and start."""
    stores = MemoryStore.objects.in_workspace(request.workspace).live()
    stores = stores.filter(tier=Tier.WORKING, unreviewed_review_id=None).order_by("name")
    sessions = _offered(request)
    form = DreamForm(request.POST or None, initial=_initial(request, stores, sessions))
    form.offer(stores, sessions)
    form.fields["model"].widget.attrs["list"] = "known-models"
    if request.method == "POST" and form.is_valid():
        dream = create_dream(
            actor=request.actor,
            store_id=form.cleaned_data["store"],
            session_ids=form.cleaned_data["sessions"],
            model=form.cleaned_data["model"],
            instructions=form.cleaned_data["instructions"] or None,
        )
        return go(request, "dream", dream.pk)
    context = {
        "section": "dreams",
        "form": form,
        "stores": stores,
        "sessions": sessions,
        "agents": Agent.objects.in_workspace(request.workspace).filter(is_internal=False).order_by("name"),
        "agent_id": request.GET.get("agent", ""),
        "chosen": set(form["sessions"].value() or ()),
        "is_usual": not form.is_bound,
        "models": _known_models(request),
        "most": SESSIONS_MAX,
    }
    return page(request, "dreams/dream_form.html", context, status=422 if form.errors else 200)


@require_POST
@require_role(Role.REVIEWER)
def dream_cancel(request: HtmxHttpRequest, dream_id: str) -> HttpResponseBase:
    """Stop it; what it read stays unread, what it proposed is not kept."""
    dream = access_row(Dream, request.actor, dream_id, "Dream")
    cancel_dream(dream, actor=request.actor)
    return go(request, "dream", dream.pk)


def _initial(request: HtmxHttpRequest, stores: QuerySet[MemoryStore], sessions: list[Session]) -> dict[str, Any]:
    """What is usual here: the newest sessions, the store that most of them mount, and the model of the last dream,
    else of the agent that ran them."""
    last = Dream.objects.in_workspace(request.workspace).newest_first().first()
    snapshot = sessions[0].agent_snapshot if sessions else {}
    model = last.model["id"] if last else (snapshot.get("model") or {}).get("id", "")
    chosen = [session.pk for session in sessions[:SESSIONS_MAX]]
    return {"sessions": chosen, "model": model, "store": _usual_store(stores, chosen)}


def _usual_store(stores: QuerySet[MemoryStore], session_ids: list[str]) -> str:
    mounts = SessionResource.objects.filter(kind="memory_store", session__in=session_ids, target_id__in=stores)
    counted = mounts.order_by().values_list("target_id").annotate(number=Count("pk")).order_by("-number", "target_id")
    return next((store_id for store_id, _ in counted), "")


def _known_models(request: HtmxHttpRequest) -> list[str]:
    """What dreams and agents of the workspace name."""
    dreams = Dream.objects.in_workspace(request.workspace).newest_first()[:MODELS_LOOKED_AT]
    versions = AgentVersion.objects.filter(agent__workspace=request.workspace, agent__is_internal=False)
    named = [dream.model.get("id", "") for dream in dreams.only("model")]
    named += [model_name(version.definition) for version in versions.order_by("-created_at")[:MODELS_LOOKED_AT]]
    return sorted({name for name in named if name})


def _offered(request: HtmxHttpRequest) -> list[Session]:
    """Finished or resting sessions, newest first."""
    found = Session.objects.in_workspace(request.workspace).live().exclude(kind=SessionKind.DREAM)
    found = found.exclude(status__in=(SessionStatus.RUNNING, SessionStatus.RESCHEDULING)).exclude(next_seq=1)
    agent_id = request.GET.get("agent", "")
    if agent_id:
        found = found.filter(agent=agent_id)
    return list(found.newest_first().select_related("agent")[:SESSIONS_OFFERED])


def _proposals(dream: Dream) -> Any:
    return Proposal.objects.filter(review__dream=dream)


def _proposal_counts(dreams: list[Dream]) -> dict[str, dict[str, int]]:
    counts: dict[str, dict[str, int]] = {}
    rows = Proposal.objects.filter(review__dream__in=dreams).values_list("review__dream_id", "status")
    for dream_id, status, number in rows.annotate(number=Count("pk")):
        group = "waiting" if status in ("pending", "stale", "apply_failed") else status
        found = counts.setdefault(dream_id, {"all": 0})
        found[group] = found.get(group, 0) + number
        found["all"] += number
    return counts


def _table(proposals: list[Proposal]) -> list[dict[str, Any]]:
    """Rows are lanes, columns kinds: the whole result at a glance."""
    lanes: dict[str, Counter[str]] = {}
    for proposal in proposals:
        lanes.setdefault(proposal.lane, Counter())[proposal.kind] += 1
    return [{"lane": lane, "kinds": kinds.most_common(), "total": kinds.total()} for lane, kinds in lanes.items()]


def _phases(dream: Dream) -> list[dict[str, Any]]:
    rows = []
    for phase in dream.phases.defer("output"):
        seconds = (phase.ended_at - phase.started_at).total_seconds() if phase.ended_at else None
        counted = {key: value for key, value in phase.summary.items() if isinstance(value, int)}
        # The gate has a count for every lane: those that nothing went to are not worth a word.
        said = {key: value for key, value in counted.items() if value or phase.name != "gate"}
        counts = ", ".join(_in_words(key, value) for key, value in said.items())
        what = PHASES.get(phase.name, "")
        rows.append({"phase": phase, "what": what, "seconds": seconds, "counts": counts})
    return rows


def _in_words(key: str, number: int) -> str:
    """Such as "1 file" or "none shortened"."""
    if noun := NOUNS.get(key):
        return plural(number, noun) if number else f"no {plural(number, noun).partition(' ')[2]}"
    return f"{f'{number:,}' if number else 'none'} {STATES.get(key, key.replace('_', ' '))}"
