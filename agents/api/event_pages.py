"""Pages of a session's events: what the log holds, then what still waits in the inbox.

A cursor keeps both places. An event that leaves the inbox between two pages is listed again under its id, with its
time; none is ever left out.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, get_args

from anthropic.types.beta.sessions import BetaManagedAgentsSessionEventType
from django.http import HttpRequest

from agents.api import queries
from agents.api.pagination import NEWEST_FIRST, OLDEST_FIRST, Cursor, check_within, cursor_of, limit_of
from agents.eventlog.wire import queued_event, wire_event
from agents.limits import EVENTS_PAGE_MAX
from agents.models import Event, InboxEvent, Thread

EVENT_TYPES = frozenset(get_args(BetaManagedAgentsSessionEventType))
END = 2**62  # after every place


def events_page(request: HttpRequest, thread: Thread) -> dict[str, Any]:
    order = queries.choice(request, "order", (OLDEST_FIRST, NEWEST_FIRST), OLDEST_FIRST)
    listing = f"events of {thread.pk}"
    limit = limit_of(request, default=EVENTS_PAGE_MAX, longest=EVENTS_PAGE_MAX)
    cursor = cursor_of(request, listing, order, (int, int))
    start = END if order == NEWEST_FIRST else 0
    seq, position = cursor.key if cursor else (start, start)
    types = queries.many(request, "types", EVENT_TYPES)
    bounds = queries.bounds(request, "created_at")
    if bounds and (edge := Event.objects.filter(thread=thread, seq=seq).first() if cursor else None):
        check_within(edge.processed_at, bounds)
    # The inbox first: an event that is processed in between is then found twice, never not at all.
    queued = [] if bounds else _queued(thread, types, order, position, limit)
    logged = _logged(thread, types, bounds, order, seq, limit)
    known = {event.event_id for event in logged}
    queued = [event for event in queued if event.pk not in known]
    found: list[Event | InboxEvent] = [*queued, *logged] if order == NEWEST_FIRST else [*logged, *queued]
    page = found[:limit]
    for event in page:
        if isinstance(event, Event):
            seq = event.seq
        else:
            position = event.position
    next_page = Cursor(listing=listing, order=order, key=(seq, position)).encoded() if len(found) > limit else None
    return {"data": [_shape(event) for event in page], "next_page": next_page}


def _logged(
    thread: Thread, types: Sequence[str], bounds: Mapping[str, datetime], order: str, seq: int, limit: int
) -> list[Event]:
    rows = Event.objects.filter(thread=thread, **{_beyond("seq", order): seq})
    rows = rows.filter(**{f"processed_at__{operator}": bound for operator, bound in bounds.items()})
    if types:
        rows = rows.filter(type__in=types)
    return list(rows.order_by("-seq" if order == NEWEST_FIRST else "seq")[: limit + 1])


def _queued(thread: Thread, types: Sequence[str], order: str, position: int, limit: int) -> list[InboxEvent]:
    rows = InboxEvent.objects.filter(thread=thread, **{_beyond("position", order): position})
    if types:
        rows = rows.filter(type__in=types)
    return list(rows.order_by("-position" if order == NEWEST_FIRST else "position")[: limit + 1])


def _beyond(name: str, order: str) -> str:
    return f"{name}__lt" if order == NEWEST_FIRST else f"{name}__gt"


def _shape(event: Event | InboxEvent) -> dict[str, Any]:
    return wire_event(event) if isinstance(event, Event) else queued_event(event)
