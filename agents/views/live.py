"""What of a session's page changes while somebody looks: how it stands, whom it waits for, what is queued."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse, HttpResponseBase

from agents.http import HtmxHttpRequest, go, page
from agents.models import InboxEvent, Session, SessionKind
from agents.services.actor_names import names_of
from agents.services.budgets import REACHED, limit_of
from agents.services.prices import book_of
from agents.views.awaiting import Awaited, awaited_calls
from agents.views.event_words import text_of

TEMPLATE = "agents/session_live.html"
QUEUED_SHOWN = 5
STOPPED = {
    REACHED: "Paused: the budget is used up.",
    "retries_exhausted": "Stopped: it gave up after a fault. The next message starts afresh.",
    "refusal": "Stopped: the model refused to go on.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Queued:
    """What somebody sent and no turn has taken yet."""

    id: str
    text: str


def live_context(request: HtmxHttpRequest, session: Session) -> dict[str, Any]:
    """For `agents/session_live.html`, whether it is a part of the page or all that is asked for."""
    is_open = session.kind == SessionKind.AGENT and not session.is_terminated and not session.is_archived
    awaited = awaited_calls(session)
    reason = (session.stop_reason or {}).get("type", "") if not session.is_running else ""
    return {
        "session": session,
        "is_live": is_live(session),
        "may_write": request.member.is_admin and is_open,
        "awaited": awaited,
        "awaits_a_person": any(not call.is_workers for call in awaited),
        "is_paused": reason == REACHED and is_open,
        "stopped": STOPPED.get(reason, "") if reason != REACHED else "",
        "say": _said(session, reason, awaited),
        "queued": _queued(session),
        "queued_count": session.inbox.count(),
        "principal": names_of(request.workspace, [session.principal])[session.principal],
        "book": book_of(request.workspace),
        "budget": limit_of(session.budget) if session.budget else None,
    }


def live_part(request: HtmxHttpRequest, session: Session) -> HttpResponse:
    """The changing parts alone, for a page that the stream told to look again."""
    return page(request, TEMPLATE, {**live_context(request, session), "is_part": True})


def after_deed(request: HtmxHttpRequest, session: Session) -> HttpResponseBase:
    """The page again; with htmx only what there is to say, because what changed comes through the stream, as it does
    for everybody else who looks."""
    if request.htmx:
        return page(request, "components/messages.html", {})
    return go(request, "session", session.pk)


def is_live(session: Session) -> bool:
    """Whether more may come: a record of something that ran elsewhere stays as it is."""
    return not session.is_terminated and session.kind != SessionKind.IMPORTED


def _said(session: Session, reason: str, awaited: list[Awaited]) -> str:
    """How it stands in one sentence, for who hears the page."""
    if session.is_terminated:
        return "The session has ended."
    asked = [call.name for call in awaited if not call.is_workers]
    if asked:
        return f"The agent waits for you: {', '.join(asked)}."
    if session.is_running:
        return "The agent is at work." if session.status == "running" else "There was a fault; it tries again."
    return STOPPED.get(reason, "The agent waits for a message." if session.kind == SessionKind.AGENT else "")


def _queued(session: Session) -> list[Queued]:
    rows = session.inbox.order_by("position")[:QUEUED_SHOWN]
    return [Queued(id=row.pk, text=_words(row)) for row in rows]


def _words(row: InboxEvent) -> str:
    if row.type == "user.interrupt":
        return "Interrupt"
    if row.type == "user.define_outcome":
        return f"Outcome wanted: {row.payload.get('description', '')}"
    return text_of(row.payload.get("content"))
