"""What a person says to a session at work from its page: stop, yes or no to a call, the answer to a call."""

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpResponseBase
from django.views.decorators.http import require_POST

from agents.access import access_session, require_role
from agents.environment_config import WORKERS_TOOLS
from agents.exceptions import InvalidRequest
from agents.forms import AnswerForm, ConfirmationForm
from agents.http import HtmxHttpRequest, go
from agents.models import Event, Role, Session, SessionKind
from agents.services.sessions import send_events
from agents.views.trace import arguments_of, call_name, judgement_of

CALLS_SHOWN = 20
CONFIRMATION = "user.tool_confirmation"
ANSWERS = {
    CONFIRMATION: "tool_use_id",
    "user.custom_tool_result": "custom_tool_use_id",
    "user.tool_result": "tool_use_id",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Awaited:
    """A call that waits: a custom one for a client's answer, a worker's for its worker, another for a yes or no."""

    id: str
    is_custom: bool
    is_workers: bool
    name: str
    arguments: str
    reason: str  # why the policy `auto` asks


def awaited_calls(session: Session) -> list[Awaited]:
    """The calls that the session rests for and nobody has answered yet."""
    reason = session.stop_reason or {}
    if session.kind != SessionKind.AGENT or session.is_terminated or reason.get("type") != "requires_action":
        return []
    said = list(session.events.filter(type__in=ANSWERS).values_list("type", "payload"))
    verdicts = {payload["tool_use_id"]: payload["result"] for kind, payload in said if kind == CONFIRMATION}
    over = {payload.get(ANSWERS[kind]) for kind, payload in said if kind != CONFIRMATION}
    calls = {event.event_id: event for event in session.events.filter(event_id__in=reason.get("event_ids", []))}
    shown = []
    for event in sorted(calls.values(), key=lambda event: event.seq)[:CALLS_SHOWN]:
        is_workers = _is_workers(event, session, verdicts.get(event.event_id))
        if event.event_id not in over and (is_workers or event.event_id not in verdicts):
            shown.append(
                Awaited(
                    id=event.event_id,
                    is_custom=event.type == "agent.custom_tool_use",
                    is_workers=is_workers,
                    name=call_name(event.payload),
                    arguments=arguments_of(event.payload.get("input") or {}),
                    reason=judgement_of(event.payload),
                )
            )
    return shown


def _is_workers(call: Event, session: Session, verdict: str | None) -> bool:
    """Whether nothing is left to say: the session's worker is to carry it out."""
    is_built_in = call.type == "agent.tool_use" and call.payload.get("name") in WORKERS_TOOLS
    if not (is_built_in and session.environment.is_self_hosted):
        return False
    return "allow" in (verdict, call.payload.get("evaluated_permission"))


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
