"""The calls that a session rests for, as its page shows them."""

from dataclasses import dataclass

from agents.client_events import ANSWERS, CONFIRMATION
from agents.environment_config import WORKERS_TOOLS
from agents.models import Event, Session, SessionKind
from agents.views.event_words import arguments_of, call_name, judgement_of
from agents.views.trace import BODY_MAX_CHARS

CALLS_SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Awaited:
    """A call that waits: a custom one for a client's answer, a worker's for its worker, another for a yes or no."""

    id: str
    is_custom: bool
    is_workers: bool
    name: str
    arguments: str
    cut: int  # characters of them that are not shown
    reason: str  # why the policy `auto` asks


def awaited_calls(session: Session) -> list[Awaited]:
    """The calls that the session rests for and nobody has answered yet."""
    reason = session.stop_reason or {}
    if session.kind != SessionKind.AGENT or session.is_terminated or reason.get("type") != "requires_action":
        return []
    calls = {event.event_id: event for event in session.events.filter(event_id__in=reason.get("event_ids", []))}
    if not calls:
        return []
    since = session.events.filter(type__in=ANSWERS, seq__gt=min(event.seq for event in calls.values()))
    said = list(since.values_list("type", "payload"))
    verdicts = {payload["tool_use_id"]: payload["result"] for kind, payload in said if kind == CONFIRMATION}
    over = {payload.get(ANSWERS[kind]) for kind, payload in said if kind != CONFIRMATION}
    shown = []
    for event in sorted(calls.values(), key=lambda event: event.seq)[:CALLS_SHOWN]:
        is_workers = _is_workers(event, session, verdicts.get(event.event_id))
        if event.event_id not in over and (is_workers or event.event_id not in verdicts):
            arguments = arguments_of(event.payload.get("input") or {})
            shown.append(
                Awaited(
                    id=event.event_id,
                    is_custom=event.type == "agent.custom_tool_use",
                    is_workers=is_workers,
                    name=call_name(event.payload),
                    arguments=arguments[:BODY_MAX_CHARS],
                    cut=max(0, len(arguments) - BODY_MAX_CHARS),
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
