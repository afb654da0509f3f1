"""What a person says to a session at work from its page: stop, yes or no to a call, the answer to a call."""

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpResponseBase
from django.views.decorators.http import require_POST

from agents.access import access_session, require_role
from agents.exceptions import InvalidRequest
from agents.forms import AnswerForm, ConfirmationForm
from agents.http import HtmxHttpRequest, go
from agents.models import Role, Session, SessionKind
from agents.services.sessions import send_events
from agents.views.trace import arguments_of

CALLS_SHOWN = 20
ANSWERS = {"user.tool_confirmation": "tool_use_id", "user.custom_tool_result": "custom_tool_use_id"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Awaited:
    """A call that waits for a client; a custom one for its answer, another for a yes or no."""

    id: str
    is_custom: bool
    name: str
    arguments: str


def awaited_calls(session: Session) -> list[Awaited]:
    """The calls that the session rests for and nobody has answered yet."""
    reason = session.stop_reason or {}
    if session.kind != SessionKind.AGENT or session.is_terminated or reason.get("type") != "requires_action":
        return []
    ids = reason.get("event_ids", [])
    said = session.events.filter(type__in=ANSWERS).values_list("type", "payload")
    answered = {payload.get(ANSWERS[kind]) for kind, payload in said}
    calls = {event.event_id: event for event in session.events.filter(event_id__in=ids).order_by("seq")}
    return [
        Awaited(
            id=event_id,
            is_custom=event.type == "agent.custom_tool_use",
            name=str(event.payload.get("name", "tool")),
            arguments=arguments_of(event.payload.get("input") or {}),
        )
        for event_id, event in list(calls.items())[:CALLS_SHOWN]
        if event_id not in answered
    ]


@require_POST
@require_role(Role.ADMIN)
def session_interrupt(request: HtmxHttpRequest, session_id: str) -> HttpResponseBase:
    """Have the turn end now."""
    return _send(request, session_id, {"type": "user.interrupt"})


@require_POST
@require_role(Role.ADMIN)
def session_confirm(request: HtmxHttpRequest, session_id: str) -> HttpResponseBase:
    """Allow or deny one call that asked."""
    return _send_form(request, session_id, ConfirmationForm(request.POST), "Say whether the call is allowed.")


@require_POST
@require_role(Role.ADMIN)
def session_answer(request: HtmxHttpRequest, session_id: str) -> HttpResponseBase:
    """Give a custom tool's result."""
    return _send_form(request, session_id, AnswerForm(request.POST), "Write the answer first.")


def _send_form(
    request: HtmxHttpRequest, session_id: str, form: ConfirmationForm | AnswerForm, missing: str
) -> HttpResponseBase:
    return _send(request, session_id, form.event() if form.is_valid() else None, missing)


def _send(
    request: HtmxHttpRequest, session_id: str, event: dict[str, Any] | None, missing: str = ""
) -> HttpResponseBase:
    session = access_session(request.actor, session_id)
    try:
        if event is None:
            messages.error(request, missing)
        else:
            send_events(session, [event], actor=request.actor)
    except InvalidRequest as error:
        # Two people looked at the same call, or the turn has ended meanwhile: the page shows how it stands.
        messages.error(request, error.message)
    return go(request, "session", session.pk)
