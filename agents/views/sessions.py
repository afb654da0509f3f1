"""Pages of sessions: the list, the trace of one, and the form that sends it a message."""

import re
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse, HttpResponseBase
from django.views.decorators.http import require_GET, require_POST

from agents.access import access_session, require_role
from agents.exceptions import InvalidRequest
from agents.forms.sessions import BudgetForm, MessageForm, SessionFilter, VerdictForm
from agents.http import HtmxHttpRequest, go, newest_first, page
from agents.models import Agent, Event, Role, Session, SessionKind, SessionStatus
from agents.services.actor_names import names_of
from agents.services.events import send_events
from agents.services.prices import book_of, estimated_tokens
from agents.services.session_updates import update_session
from agents.services.verdicts import record_verdict
from agents.views import lanes as lane_chart
from agents.views.live import after_deed, is_live, live_context, live_part
from agents.views.tools import tools_problem
from agents.views.trace import Lanes, View, lanes_of, rows_of, show_all, view_of

TEMPLATE = "agents/session_detail.html"
PROPOSAL_ID = re.compile(r"prop_\w{1,60}", re.ASCII)
PAGE_SIZE = 50
EVENTS_SHOWN = 200
OUTPUTS_SHOWN = 10
AWAITING_AMONG = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Which part of a long log the page shows; first and last are places in the session, 0 when it is empty."""

    first: int
    last: int
    total: int
    has_earlier: bool
    has_later: bool


@require_GET
@require_role(Role.VIEWER)
def session_list(request: HtmxHttpRequest) -> HttpResponse:
    """Sessions of agents, newest first; a dream's own trace is reached from the dream."""
    form = SessionFilter(request.GET)
    agents = list(Agent.objects.in_workspace(request.workspace).filter(is_internal=False).order_by("name"))
    form.offer_agents(agents)
    found = Session.objects.in_workspace(request.workspace).exclude(kind=SessionKind.DREAM).select_related("agent")
    rows = newest_first(request, form.narrow(found), size=PAGE_SIZE)
    context = {
        "section": "sessions",
        "form": form,
        "sessions": rows.items,
        "next": rows.next_query(request),
        "is_filtered": form.is_narrowing,
        "awaiting": 0 if form.is_narrowing or request.htmx else _awaiting(found),
        "practice_shown": any(session.is_practice for session in rows.items),
        "principals": names_of(request.workspace, {session.principal for session in rows.items}),
        "book": book_of(request.workspace),
        **tools_problem(),
    }
    return page(request, "agents/session_list.html", context, partial="rows")


def _awaiting(sessions: QuerySet[Session]) -> int:
    """How many of the latest sessions at rest wait for an answer; not of all, because no index knows."""
    latest = sessions.filter(status=SessionStatus.IDLE).order_by("-created_at", "-pk").values("pk")[:AWAITING_AMONG]
    return Session.objects.filter(pk__in=latest, stop_reason__type="requires_action").count()


@require_GET
@require_role(Role.VIEWER)
def session_detail(request: HtmxHttpRequest, session_id: str) -> HttpResponse:
    """The trace; `?event=` opens the stretch of the log that holds this event."""
    session = access_session(request.actor, session_id)
    if request.htmx and request.htmx.target == "status":
        return live_part(request, session)
    context: dict[str, Any] = live_context(request, session)
    view = view_of(request.GET.get("view", ""))
    lanes = lanes_of(session.pk)
    window = _window(request, session)
    events = list(session.events.filter(seq__gte=window.first, seq__lte=window.last).order_by("seq"))
    context |= {
        "section": "sessions",
        "view": view,
        "views": list(View),
        "events": list(show_all(rows_of(events, lanes), view)),
        "window": window,
        "chart": _chart(events, lanes),
        "resources": list(session.resources.all()),
        "outputs": list(session.files.outputs().newest_first()[:OUTPUTS_SHOWN]),
        "outputs_count": session.files.outputs().count(),
        "estimated_tokens": estimated_tokens(session) if session.kind == SessionKind.IMPORTED else None,
        "verdict": session.verdicts.order_by("-created_at", "-pk").first(),
        "is_live": is_live(session) and not window.has_later,
        "form": MessageForm(),
        "proposal_id": _origin(request),
        "is_finished": bool(session.verdict) and not session.is_running and not context["awaited"],
        "may_judge": request.member.may_review and session.kind != SessionKind.DREAM,
        **(tools_problem() if session.kind == SessionKind.AGENT else {}),
    }
    return page(request, TEMPLATE, context)


@require_POST
@require_role(Role.ADMIN)
def session_send(request: HtmxHttpRequest, session_id: str) -> HttpResponseBase:
    """Send a message; it appears in the transcript through the stream, as for everybody else."""
    session = access_session(request.actor, session_id)
    form = MessageForm(request.POST)
    context = {"session": session, "form": form, "may_write": True}
    if not form.is_valid():
        return page(request, TEMPLATE, context, partial="composer", status=422)
    text = form.cleaned_data["text"]
    event = {"type": "user.message", "content": [{"type": "text", "text": text}]}
    send_events(session, [event], actor=request.actor)
    if not request.htmx:
        return go(request, "session", session.pk)
    context["form"] = MessageForm()
    return page(request, TEMPLATE, context, partial="composer")


@require_POST
@require_role(Role.REVIEWER)
def session_verdict(request: HtmxHttpRequest, session_id: str) -> HttpResponseBase:
    """A person says whether the session did its job."""
    session = access_session(request.actor, session_id)
    form = VerdictForm(request.POST)
    if form.is_valid():
        record_verdict(session, form.cleaned_data["result"], source="person", actor=request.actor)
    return go(request, "session", session.pk)


@require_POST
@require_role(Role.ADMIN)
def session_budget(request: HtmxHttpRequest, session_id: str) -> HttpResponseBase:
    """Raise the session's budget, or remove it: a session that paused at the old one goes on."""
    session = access_session(request.actor, session_id)
    form = BudgetForm(request.POST)
    if "remove" in request.POST:
        update_session(session, {"budget": None}, actor=request.actor)
    elif form.is_valid():
        update_session(session, {"budget": form.budget()}, actor=request.actor)
    else:
        raise InvalidRequest("New budget: it must be an amount in US dollars.")
    return after_deed(request, session)


def _origin(request: HtmxHttpRequest) -> str:
    """The proposal whose evidence led here."""
    named = request.GET.get("proposal", "")
    return named if PROPOSAL_ID.fullmatch(named) else ""


def _window(request: HtmxHttpRequest, session: Session) -> Window:
    """The end of the log unless the address names an event or a place in it."""
    total = session.next_seq - 1
    wanted = request.GET.get("event", "")
    seq = (
        session.events.filter(event_id=wanted).order_by("seq").values_list("seq", flat=True).first() if wanted else None
    )
    start = request.GET.get("from", "")
    if seq is not None:
        first = seq - EVENTS_SHOWN // 2
    elif start.isascii() and start.isdigit():
        first = int(start[:12])
    else:
        first = total - EVENTS_SHOWN + 1
    first = max(1, min(first, total - EVENTS_SHOWN + 1))
    last = min(total, first + EVENTS_SHOWN - 1)
    return Window(first=first, last=last, total=total, has_earlier=first > 1, has_later=last < total)


def _chart(events: list[Event], lanes: Lanes) -> lane_chart.Picture | None:
    """Of the events that the page shows: the whole of a long log may hold a gigabyte of what tools printed."""
    rows = (event for event in events if event.type.startswith("span.model_request") or "tool_" in event.type)
    fields = ((row.thread_id, row.event_id, row.type, row.payload, row.processed_at) for row in rows)
    return lane_chart.draw(fields, lanes.names)
