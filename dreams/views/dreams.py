"""Pages of dreams: the list, and starting, stopping and archiving one."""

from typing import Any

from django.db.models import Count, QuerySet
from django.http import HttpResponse, HttpResponseBase
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from agents.access import require_role
from agents.exceptions import DomainError
from agents.http import HtmxHttpRequest, go, newest_first, page
from agents.models import Agent, AgentVersion, Role, Session, SessionKind, SessionResource, SessionStatus
from agents.services.prices import book_of
from agents.views.agents import model_name
from agents.views.once import once
from dreams.access import access_dream
from dreams.forms import DreamFilter, DreamForm
from dreams.limits import SESSIONS_MAX
from dreams.models import Dream, DreamPolicy, Proposal
from dreams.models.dream import OutputBehavior
from dreams.services import archive_dream, cancel_dream, create_dream
from dreams.views.dream_detail import cost_of_dream
from memory.models import MemoryStore, Tier

PAGE_SIZE = 40
SESSIONS_OFFERED = 300
MODELS_LOOKED_AT = 50


@require_GET
@require_role(Role.VIEWER)
def dream_list(request: HtmxHttpRequest) -> HttpResponse:
    """Dreams, newest first, with what became of their proposals and what they cost."""
    stores_of = MemoryStore.objects.in_workspace(request.workspace).filter(unreviewed_review_id=None).order_by("name")
    form = DreamFilter(request.GET)
    form.offer(stores_of, DreamPolicy.objects.in_workspace(request.workspace).order_by("name"))
    found = form.narrow(Dream.objects.in_workspace(request.workspace)).select_related("session", "policy")
    rows = newest_first(request, found, size=PAGE_SIZE)
    book = book_of(request.workspace)
    stores = MemoryStore.objects.in_workspace(request.workspace).in_bulk({dream.input_store_id for dream in rows.items})
    counts = _proposal_counts(rows.items)
    context = {
        "section": "dreams",
        "dreams": [
            {
                "dream": dream,
                "store": stores.get(dream.input_store_id),
                "counts": counts.get(dream.pk, {}),
                "cost": cost_of_dream(dream, book),
            }
            for dream in rows.items
        ],
        "next": rows.next_query(request),
        "form": form,
        "is_filtered": form.is_narrowing,
        "may_start": request.member.may_review,
        "practice_shown": any(dream.is_practice for dream in rows.items),
    }
    return page(request, "dreams/dream_list.html", context, partial={"dream-rows": "rows"})


@require_http_methods(["GET", "POST"])
@require_role(Role.REVIEWER)
@once
def dream_new(request: HtmxHttpRequest) -> HttpResponseBase:
    """Choose a store and sessions, and start."""
    stores = MemoryStore.objects.in_workspace(request.workspace).live()
    stores = stores.filter(tier=Tier.WORKING, unreviewed_review_id=None).order_by("name")
    sessions = _offered(request)
    form = DreamForm(request.POST or None, initial=_initial(request, stores, sessions))
    form.offer(stores, sessions)
    form.fields["model"].widget.attrs["list"] = "known-models"
    if request.method == "POST" and form.is_valid():
        try:
            dream = _create(request, form)
        except DomainError as error:
            form.add_error(None, error.message)
        else:
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
    dream = access_dream(request.actor, dream_id)
    cancel_dream(dream, actor=request.actor)
    return go(request, "dream", dream.pk)


@require_POST
@require_role(Role.REVIEWER)
def dream_archive(request: HtmxHttpRequest, dream_id: str) -> HttpResponseBase:
    """Out of the list; its page, its proposals and its trace stay."""
    archive_dream(access_dream(request.actor, dream_id), actor=request.actor)
    return go(request, "dreams")


def _create(request: HtmxHttpRequest, form: DreamForm) -> Dream:
    return create_dream(
        actor=request.actor,
        store_id=form.cleaned_data["store"],
        session_ids=form.cleaned_data["sessions"],
        model=form.cleaned_data["model"],
        instructions=form.cleaned_data["instructions"] or None,
        output_behavior=form.cleaned_data["output"] or OutputBehavior.CREATE_NEW,
    )


def _again(request: HtmxHttpRequest) -> Dream | None:
    """The dream that shall be dreamt once more."""
    again = request.GET.get("again", "")
    return Dream.objects.in_workspace(request.workspace).filter(pk=again).first() if again else None


def _initial(request: HtmxHttpRequest, stores: QuerySet[MemoryStore], sessions: list[Session]) -> dict[str, Any]:
    """What is usual here: the newest sessions, the store that most of them mount, and the model of the last dream,
    else of the agent that ran them."""
    if again := _again(request):
        return {
            "sessions": [session.pk for session in sessions if session.pk in again.input_session_ids],
            "model": again.model["id"],
            "store": again.input_store_id,
            "instructions": again.instructions or "",
            "output": again.output_behavior,
        }
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
    offered = list(found.newest_first().select_related("agent")[:SESSIONS_OFFERED])
    again = _again(request)
    if again is None:
        return offered
    named = Session.objects.in_workspace(request.workspace).filter(pk__in=again.input_session_ids)
    known = {session.pk for session in offered}
    return [*(session for session in named.select_related("agent") if session.pk not in known), *offered]


def _proposal_counts(dreams: list[Dream]) -> dict[str, dict[str, int]]:
    counts: dict[str, dict[str, int]] = {}
    rows = Proposal.objects.filter(review__dream__in=dreams).values_list("review__dream_id", "status")
    for dream_id, status, number in rows.annotate(number=Count("pk")):
        group = "waiting" if status in ("pending", "stale", "apply_failed") else status
        found = counts.setdefault(dream_id, {"all": 0})
        found[group] = found.get(group, 0) + number
        found["all"] += number
    return counts
