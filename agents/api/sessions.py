"""Sessions, their events and verdicts, and transcripts from elsewhere."""

from typing import Any, Literal, Required, TypedDict

from anthropic.types.beta import (
    BetaManagedAgentsAgentWithOverridesParams,
    BetaManagedAgentsWebFetchToolConfigParams,
    BetaManagedAgentsWebSearchToolConfigParams,
    SessionCreateParams,
    SessionUpdateParams,
)
from anthropic.types.beta.sessions import EventSendParams
from django.db.models import QuerySet
from django.utils import timezone
from ninja import Router

from agents.access import access_session
from agents.api import queries, session_resources, threads
from agents.api.auth import ApiRequest
from agents.api.bodies import Body
from agents.api.decoding import body_of
from agents.api.event_pages import EVENT_TYPES, events_page
from agents.api.openapi import asks, takes
from agents.api.pagination import NEWEST_FIRST, ORDERS, page_of
from agents.api.reach import check_events_of_worker
from agents.api.shapes.sessions import TIMED_THREADS, escalation_shape, session_shape, verdict_shape
from agents.client_events import check_events, check_initial_events
from agents.exceptions import InvalidRequest
from agents.limits import AGENT_VERSION_MAX, EVENTS_PAGE_MAX, SESSION_RESOURCES_PAGE_MAX, SESSION_TITLE_MAX
from agents.metadata import check_metadata
from agents.models import Session, SessionKind, SessionStatus, Thread, Verdict, Workspace
from agents.services import events, imports, session_updates, verdicts
from agents.services import sessions as services
from agents.services.prices import book_of

WAITING_MAX = 5_000  # sessions that a statement may name
FILTERS = (
    "agent_id",
    "agent_version",
    "deployment_id",
    "memory_store_id",
    "statuses[]",
    "include_archived",
    *queries.CREATED_AT,
)
# What an agent was shown as may be sent back: an unset setting of a web tool is shown as null.
WEB_TOOLS = (BetaManagedAgentsWebFetchToolConfigParams, BetaManagedAgentsWebSearchToolConfigParams)
JSON_LINES = ("application/jsonl", "application/x-ndjson", "application/x-jsonlines")


class VerdictParams(TypedDict, total=False):
    """Did the session do its job: what a checker found."""

    result: Required[Literal["completed", "failed"]]
    explanation: str


class EscalateParams(TypedDict, total=False):
    """That a person had to take over is all there is to say."""


class ImportParams(TypedDict, total=False):
    """Transcripts of one agent: OpenAI chat messages, Anthropic messages or Managed Agents events."""

    agent: Required[str]
    transcripts: Required[list[dict[str, Any]]]


router = Router(tags=["sessions"])
router.add_router("", session_resources.router)
router.add_router("", threads.router)
create_body = Body(SessionCreateParams, clearable=[BetaManagedAgentsAgentWithOverridesParams, *WEB_TOOLS])
update_body = Body(SessionUpdateParams, clearable=WEB_TOOLS, codes={"agent": "agent_field_not_updatable"})
send_body = Body(EventSendParams)
escalate_body = Body(EscalateParams)
verdict_body = Body(VerdictParams)
import_body = Body(ImportParams)


@router.post("", openapi_extra=takes(create_body))
def create_session(request: ApiRequest) -> dict[str, Any]:
    body = create_body(request)
    _check(body)
    return session_shape(services.create_session(body, actor=request.auth), timezone.now())


@router.get("", openapi_extra=asks("limit", "page", "order", *FILTERS, order=ORDERS, statuses=SessionStatus.values))
def list_sessions(request: ApiRequest) -> dict[str, Any]:
    rows = Session.objects.in_workspace(request.auth.workspace).exclude(kind=SessionKind.DREAM)
    if not queries.flag(request, "include_archived"):
        rows = rows.live()
    now, prices = timezone.now(), book_of(request.auth.workspace)
    rows = rows.filter(**_filters(request)).prefetch_related("resources", TIMED_THREADS)
    parts = _with_status(rows, queries.many(request, "statuses", SessionStatus.values), request.auth.workspace)
    return page_of(
        request,
        rows,
        lambda session: session_shape(session, now, prices),
        listing="sessions",
        order=queries.choice(request, "order", ORDERS, NEWEST_FIRST),
        created_at=queries.bounds(request, "created_at"),
        is_bidirectional=True,
        parts=parts,
    )


@router.post("/import", openapi_extra=takes(import_body, "agent"))
def import_sessions(request: ApiRequest) -> dict[str, Any]:
    """JSON with `agent` and `transcripts`, or JSON lines with the agent's name in the query."""
    if request.content_type in JSON_LINES:
        agent, lines = queries.text(request, "agent"), body_of(request).splitlines()
        if agent is None:
            raise InvalidRequest("agent: name the agent in the query: ?agent=NAME.")
        report = imports.import_transcripts(lines, agent, actor=request.auth)
    else:
        body = import_body(request)
        report = imports.import_transcripts(body["transcripts"], body["agent"], actor=request.auth)
    return {
        "type": "session_import",
        "session_ids": report.imported,
        "existing": report.existing,
        "problems": [{"line": line, "message": message} for line, message in report.problems],
    }


@router.get("/{session_id}")
def get_session(request: ApiRequest, session_id: str) -> dict[str, Any]:
    return session_shape(access_session(request.auth, session_id), timezone.now())


@router.post("/{session_id}", openapi_extra=takes(update_body))
def update_session(request: ApiRequest, session_id: str) -> dict[str, Any]:
    session = access_session(request.auth, session_id)
    updated = session_updates.update_session(session, update_body(request), actor=request.auth)
    return session_shape(updated, timezone.now())


@router.delete("/{session_id}")
def delete_session(request: ApiRequest, session_id: str) -> dict[str, Any]:
    services.delete_session(access_session(request.auth, session_id), actor=request.auth)
    return {"id": session_id, "type": "session_deleted"}


@router.post("/{session_id}/archive")
def archive_session(request: ApiRequest, session_id: str) -> dict[str, Any]:
    session = services.archive_session(access_session(request.auth, session_id), actor=request.auth)
    return session_shape(session, timezone.now())


@router.get(
    "/{session_id}/events",
    openapi_extra=asks(
        "limit",
        "page",
        "order",
        "types[]",
        *queries.CREATED_AT,
        default=EVENTS_PAGE_MAX,
        most=EVENTS_PAGE_MAX,
        order=ORDERS,
        types=sorted(EVENT_TYPES),
    ),
)
def list_events(request: ApiRequest, session_id: str) -> dict[str, Any]:
    return events_page(request, access_session(request.auth, session_id).threads.primary().get())


@router.post("/{session_id}/events", openapi_extra=takes(send_body))
def send_events(request: ApiRequest, session_id: str) -> dict[str, Any]:
    session = access_session(request.auth, session_id)
    sent = send_body(request)["events"]
    check_events(sent)
    check_events_of_worker(request.auth, sent)
    return {"data": events.send_events(session, sent, actor=request.auth)}


@router.get("/{session_id}/verdicts", openapi_extra=asks("limit", "page"))
def list_verdicts(request: ApiRequest, session_id: str) -> dict[str, Any]:
    """Newest first; the first one counts."""
    session = access_session(request.auth, session_id)
    return page_of(request, session.verdicts.all(), verdict_shape, listing=f"verdicts of {session.pk}")


@router.post("/{session_id}/escalate", openapi_extra=takes(escalate_body))
def escalate_session(request: ApiRequest, session_id: str) -> dict[str, Any]:
    """Say that a person had to take over; the first time counts."""
    session = access_session(request.auth, session_id)
    escalate_body(request)
    return escalation_shape(verdicts.escalate_session(session, actor=request.auth))


@router.post("/{session_id}/verdict", openapi_extra=takes(verdict_body))
def record_verdict(request: ApiRequest, session_id: str) -> dict[str, Any]:
    """Say whether the session did its job; a later verdict counts instead of an earlier one."""
    session = access_session(request.auth, session_id)
    body = verdict_body(request)
    verdict = verdicts.record_verdict(
        session,
        body["result"],
        source=Verdict.Source.CHECKER,
        actor=request.auth,
        explanation=body.get("explanation", ""),
    )
    return verdict_shape(verdict)


def _check(body: dict[str, Any]) -> None:
    if len(body.get("title") or "") > SESSION_TITLE_MAX:
        raise InvalidRequest(f"title: it may have at most {SESSION_TITLE_MAX} characters.")
    if len(body.get("resources") or []) > SESSION_RESOURCES_PAGE_MAX:  # of each kind there may be less
        raise InvalidRequest(f"resources: at most {SESSION_RESOURCES_PAGE_MAX:,} are allowed.")
    check_metadata(body.get("metadata"))
    check_initial_events(body.get("initial_events") or [])


def _with_status(rows: QuerySet[Session], statuses: list[str], workspace: Workspace) -> list[QuerySet[Session]]:
    """The parts of the rows that are shown with these statuses: what is idle in its row and has input waiting is shown
    as running. Few wait, so their ids are looked up first: no plan could guess that."""
    stored = rows.filter(status__in=statuses)
    is_idle, is_running = SessionStatus.IDLE in statuses, SessionStatus.RUNNING in statuses
    if is_idle == is_running:
        return [stored] if statuses else []
    waiting: Any = Thread.objects.filter(workspace=workspace).waiting().values_list("session_id", flat=True)
    if len(ids := list(waiting[: WAITING_MAX + 1])) <= WAITING_MAX:
        waiting = ids
    if is_idle:
        return [stored.exclude(status=SessionStatus.IDLE, pk__in=waiting)]
    return [stored, rows.filter(status=SessionStatus.IDLE, pk__in=waiting)] if ids else [stored]


def _filters(request: ApiRequest) -> dict[str, Any]:
    """The list's filters as lookups; one that is not given filters nothing."""
    wanted: dict[str, Any] = {
        "agent": queries.text(request, "agent_id"),
        "deployment": queries.text(request, "deployment_id"),
        "agent_version": queries.whole(request, "agent_version", least=1, most=AGENT_VERSION_MAX),
    }
    if not wanted["agent"]:
        del wanted["agent_version"]  # it says nothing without its agent
    if store_id := queries.text(request, "memory_store_id"):
        wanted |= {"resources__kind": "memory_store", "resources__target_id": store_id}
    return {lookup: value for lookup, value in wanted.items() if value is not None}
