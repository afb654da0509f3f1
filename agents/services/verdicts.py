"""How a session went: whether it did its job, and that a person had to take over."""

from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from agents import audit
from agents.actors import Actor
from agents.exceptions import InvalidRequest
from agents.models import Session, Verdict, VerdictResult, counted_anew
from agents.outbox import emit


@transaction.atomic
def record_verdict(session: Session, result: str, *, source: str, actor: Actor, explanation: str = "") -> Verdict:
    """Say whether the session did its job; a later verdict replaces an earlier one, both stay on record."""
    if result not in VerdictResult.values:
        raise InvalidRequest(f"result: must be one of {', '.join(VerdictResult.values)}.")
    if actor.session_id:
        raise InvalidRequest("An agent cannot judge its own session.")
    verdict = Verdict.objects.create(
        workspace=session.workspace,
        session=session,
        result=result,
        source=source,
        actor_id=actor.id,
        explanation=explanation,
    )
    _change(session, verdict=result)
    session.verdict = result
    if source != Verdict.Source.IMPORT:
        audit.record(actor, "session.judged", session.pk, name=session.title or "", detail=result)
    return verdict


@transaction.atomic
def escalate_session(session: Session, *, actor: Actor) -> Session:
    """A person had to take over; the first time counts."""
    if _change(session, where=Q(escalated_at=None), escalated_at=timezone.now()):
        emit(session.workspace_id, "session.escalated", session.pk)
        audit.record(actor, "session.escalated", session.pk, name=session.title or "")
    session.refresh_from_db(fields=["escalated_at", "updated_at"])
    return session


def _change(session: Session, *, where: Q | None = None, **columns: Any) -> int:
    """Sums of costs tell how many sessions did their job, so one that is in them already counts anew."""
    rows = Session.objects.filter(where or Q(), pk=session.pk)
    return rows.update(updated_at=timezone.now(), uncounted=counted_anew(), **columns)
