"""A session's threads and their events; `stream.py` serves their streams."""

from typing import Any

from django.utils import timezone
from ninja import Router

from agents.access import access_session, access_thread
from agents.api import queries
from agents.api.auth import ApiRequest
from agents.api.event_pages import events_page
from agents.api.openapi import asks
from agents.api.pagination import OLDEST_FIRST, limit_of, page_of
from agents.api.shapes.threads import thread_shape
from agents.limits import EVENTS_PAGE_MAX, THREADS_PAGE_MAX
from agents.models import SessionStatus
from agents.services import threads as services
from agents.services.prices import book_of

router = Router(tags=["sessions"])


@router.get(
    "/{session_id}/threads",
    openapi_extra=asks(
        "limit",
        "page",
        "statuses[]",
        default=THREADS_PAGE_MAX,
        most=THREADS_PAGE_MAX,
        statuses=SessionStatus.values,
    ),
)
def list_threads(request: ApiRequest, session_id: str) -> dict[str, Any]:
    """In the order of their creation, so the primary thread is the first."""
    session = access_session(request.auth, session_id)
    rows = session.threads.all()
    if statuses := queries.many(request, "statuses", SessionStatus.values):
        rows = rows.filter(status__in=statuses)
    now, prices = timezone.now(), book_of(request.auth.workspace)
    return page_of(
        request,
        rows,
        lambda thread: thread_shape(thread, now, prices),
        listing=f"threads of {session.pk}",
        order=OLDEST_FIRST,
        limit=limit_of(request, default=THREADS_PAGE_MAX, longest=THREADS_PAGE_MAX),
    )


@router.get("/{session_id}/threads/{thread_id}")
def get_thread(request: ApiRequest, session_id: str, thread_id: str) -> dict[str, Any]:
    return thread_shape(access_thread(access_session(request.auth, session_id), thread_id), timezone.now())


@router.post("/{session_id}/threads/{thread_id}/archive")
def archive_thread(request: ApiRequest, session_id: str, thread_id: str) -> dict[str, Any]:
    thread = access_thread(access_session(request.auth, session_id), thread_id)
    return thread_shape(services.archive_thread(thread, actor=request.auth), timezone.now())


@router.get(
    "/{session_id}/threads/{thread_id}/events",
    openapi_extra=asks("limit", "page", default=EVENTS_PAGE_MAX, most=EVENTS_PAGE_MAX),
)
def list_events(request: ApiRequest, session_id: str, thread_id: str) -> dict[str, Any]:
    return events_page(request, access_thread(access_session(request.auth, session_id), thread_id))
