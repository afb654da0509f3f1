"""What a policy dreams about: the finished sessions of its agent that none of its dreams has read as they are now."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q, QuerySet
from django.db.models.functions import Coalesce

from agents.models import Event, Session, SessionKind, SessionStatus, VerdictResult
from dreams.digest import TOOL_RESULTS
from dreams.limits import CANDIDATES_MAX, SETTLED_MINUTES
from dreams.models import DreamPolicy, DreamStatus
from dreams.selection import Candidate, pick
from dreams.signatures import signature

CASE_CHARS = 2_000  # of an error's text, to tell one kind of error from another


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The sessions to read; `skipped` says of the others in the window how many were left out for which reason."""

    session_ids: tuple[str, ...]
    skipped: dict[str, int] = field(default_factory=dict)
    since: datetime


def choose_sessions(policy: DreamPolicy, now: datetime) -> Choice:
    since = now - timedelta(days=policy.window_days)
    rows = _in_window(policy, since)
    skipped: Counter[str] = Counter()
    fresh: list[dict[str, Any]] = []
    read = _read_since(policy, since)
    for row in rows.values(*COLUMNS).order_by("-at", "-pk").iterator():
        if reason := _why_not(row, read, now):
            skipped[reason] += 1
        elif len(fresh) < CANDIDATES_MAX:
            fresh.append(row)
        else:
            skipped["left for the next dream"] += 1
    chosen = pick(_candidates(fresh), policy.session_limit)
    if over := len(fresh) - len(chosen):
        skipped["left for the next dream"] += over
    return Choice(session_ids=tuple(chosen), skipped=dict(sorted(skipped.items())), since=since)


COLUMNS = (
    "pk", "agent_id", "principal", "kind", "status", "stop_reason", "verdict", "escalated_at", "at", "archived_at"
)  # fmt: skip


def _in_window(policy: DreamPolicy, since: datetime) -> QuerySet[Session]:
    """A session is in the window when it ended there or arrived there: an imported one may have ended long ago."""
    rows = Session.objects.in_workspace(policy.workspace_id).exclude(kind=SessionKind.DREAM).exclude(next_seq=1)
    if policy.agent_id:
        rows = rows.filter(agent=policy.agent_id)
    rows = rows.annotate(at=Coalesce("last_processed_at", "ended_at", "created_at"))
    return rows.filter(Q(created_at__gte=since) | Q(at__gte=since))


def _read_since(policy: DreamPolicy, since: datetime) -> dict[str, datetime]:
    """When a dream of the policy last took a session in; one from before the window has read nothing that is in it as
    it is now. Dreams that failed or were canceled have read nothing at all."""
    dreams = policy.dreams.exclude(status__in=(DreamStatus.FAILED, DreamStatus.CANCELED))
    dreams = dreams.filter(created_at__gte=since).order_by("created_at")
    return {
        session_id: created_at
        for created_at, session_ids in dreams.values_list("created_at", "input_session_ids")
        for session_id in session_ids
    }


def _why_not(row: dict[str, Any], read: dict[str, datetime], now: datetime) -> str:
    """Why a session is not read; empty when it is a candidate."""
    if row["escalated_at"]:
        return "escalated to a person"
    if not _is_finished(row, now):
        return "not finished"
    if row["pk"] in read and row["at"] <= read[row["pk"]]:
        return "read by an earlier dream"
    return ""


def _is_finished(row: dict[str, Any], now: datetime) -> bool:
    """A verdict ends it, and so does archiving; else it rests after a turn that came to its end."""
    if row["kind"] == SessionKind.IMPORTED or row["verdict"] or row["archived_at"]:
        return row["status"] not in (SessionStatus.RUNNING, SessionStatus.RESCHEDULING)
    if row["status"] == SessionStatus.TERMINATED:
        return True
    is_done = (row["stop_reason"] or {}).get("type") == "end_turn"
    return row["status"] == SessionStatus.IDLE and is_done and row["at"] <= now - timedelta(minutes=SETTLED_MINUTES)


def _candidates(rows: Iterable[dict[str, Any]]) -> list[Candidate]:
    rows = list(rows)
    cases = _first_errors([row["pk"] for row in rows])
    return [
        Candidate(
            session_id=row["pk"],
            agent_id=row["agent_id"],
            principal=row["principal"],
            at=row["at"],
            case=cases.get(row["pk"], ""),
            is_completed=row["verdict"] != VerdictResult.FAILED,
        )
        for row in rows
    ]


def _first_errors(session_ids: list[str]) -> dict[str, str]:
    """The signature of the first error of each session that had one."""
    errors = Event.objects.filter(session__in=session_ids, type__in=list(TOOL_RESULTS), payload__is_error=True)
    found: dict[str, str] = {}
    for session_id, payload in errors.order_by("session_id", "seq").values_list("session_id", "payload").iterator():
        if session_id not in found:
            found[session_id] = signature(_text_of(payload)[:CASE_CHARS]) or "an error"
    return found


def _text_of(payload: dict[str, Any]) -> str:
    content = payload.get("content") or []
    if isinstance(content, str):
        return content
    return "\n".join(str(block.get("text", "")) for block in content if isinstance(block, dict))
