"""What a person says to a session at work from its page: stop, yes or no to a call, the answer to a call."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponseBase
from django.views.decorators.http import require_POST

from agents.access import access_session, require_role
from agents.exceptions import InvalidRequest
from agents.forms.sessions import AnswerForm, ConfirmationForm
from agents.http import HtmxHttpRequest
from agents.models import Role, Session
from agents.services.events import send_events
from agents.views.awaiting import awaited_calls
from agents.views.live import after_deed

TOO_LATE = "Somebody was faster: this call no longer waits for an answer. What they said is in the log below."


@require_POST
@require_role(Role.ADMIN)
def session_interrupt(request: HtmxHttpRequest, session_id: str) -> HttpResponseBase:
    """Have the turn end now."""
    session = access_session(request.actor, session_id)
    _send(request, session, {"type": "user.interrupt"})
    return after_deed(request, session)


@require_POST
@require_role(Role.ADMIN)
def session_confirm(request: HtmxHttpRequest, session_id: str) -> HttpResponseBase:
    """Allow or deny one call that asked."""
    form = ConfirmationForm(request.POST)
    return _answer(request, session_id, form, "tool_use_id", "Say whether the call is allowed.")


@require_POST
@require_role(Role.ADMIN)
def session_answer(request: HtmxHttpRequest, session_id: str) -> HttpResponseBase:
    """Give a custom tool's result."""
    form = AnswerForm(request.POST)
    return _answer(request, session_id, form, "custom_tool_use_id", "Write the answer first.")


def _answer(
    request: HtmxHttpRequest, session_id: str, form: ConfirmationForm | AnswerForm, member: str, missing: str
) -> HttpResponseBase:
    session = access_session(request.actor, session_id)
    if not form.is_valid():
        messages.error(request, missing)
    elif not _waits(session, form.cleaned_data[member]):
        messages.warning(request, TOO_LATE)
    else:
        _send(request, session, form.event())
    return after_deed(request, session)


def _waits(session: Session, call_id: str) -> bool:
    """Whether nobody has answered it; two people may have looked at the same call."""
    is_known = session.events.filter(event_id=call_id).exists()
    return not is_known or call_id in {call.id for call in awaited_calls(session)}


def _send(request: HtmxHttpRequest, session: Session, event: dict[str, Any]) -> None:
    try:
        send_events(session, [event], actor=request.actor)
    except InvalidRequest as error:
        # The other answer came in this very moment, or the turn has ended meanwhile: the page shows how it stands.
        messages.error(request, error.message)
