"""A session's or thread's events as they happen, for API clients: no replay, only what comes after the connection."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

from django.core.handlers.asgi import ASGIRequest
from django.db.models import Q

from agents.access import access_session, access_thread
from agents.api import queries
from agents.api.auth import authenticate, identify
from agents.api.errors import as_domain_error
from agents.eventlog.follow import following, in_database
from agents.eventlog.hub import Item
from agents.eventlog.previews import Previews
from agents.exceptions import DomainError, InvalidRequest
from agents.models import SessionStatus, Thread
from agents.sse import PING, Receive, Scope, Send, json_frame, new_request_id, request_of, send_error, send_stream

ADDRESS = re.compile(r"/v1/sessions/(?P<session>[^/]+)/(?:events|threads/(?P<thread>[^/]+))/stream")
DELETED = "session.deleted"  # every thread's stream ends with it
LAST_EVENTS = frozenset({DELETED, "session.status_terminated"})
LAST_THREAD_EVENTS = LAST_EVENTS | {"session.thread_status_terminated"}
PREVIEWS = ("agent.message", "agent.thinking")
PREVIEWS_MAX = 100  # wire contract
ALLOWED_SECONDS = 60.0  # then it is asked again whether its key is still good: a stream may be open for days


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What one connection asked for and may see."""

    session_id: str
    thread_id: str
    is_primary: bool
    previews: frozenset[str]


def match_api_stream(path: str) -> re.Match[str] | None:
    return ADDRESS.fullmatch(path)


async def api_stream(found: re.Match[str], scope: Scope, receive: Receive, send: Send) -> None:
    request_id, request = new_request_id(), request_of(scope)

    async def is_allowed() -> bool:
        return await in_database(_is_allowed, request)

    try:
        wanted = await in_database(_access, request, found["session"], found["thread"])
    except Exception as error:
        await send_error(as_domain_error(error), send, request_id=request_id)
        return
    async with following(wanted.session_id, previews_of=wanted.thread_id if wanted.previews else None) as items:
        # Asked once nothing can be missed any more: who listens to what is over would wait for ever.
        frames = _frames(items, wanted, is_allowed) if await in_database(_goes_on, wanted) else _no_frames()
        await send_stream(frames, receive, send, request_id=request_id)


def _access(request: ASGIRequest, session_id: str, thread_id: str | None) -> Wanted:
    actor = authenticate(request)
    previews = _previews(request)
    session = access_session(actor, session_id)
    thread = access_thread(session, thread_id) if thread_id else session.threads.primary().get()
    return Wanted(session_id=session.pk, thread_id=thread.pk, is_primary=thread.is_primary, previews=previews)


def _is_allowed(request: ASGIRequest) -> bool:
    try:
        identify(request)
    except DomainError:
        return False
    return True


def _goes_on(wanted: Wanted) -> bool:
    over = Q(status=SessionStatus.TERMINATED) | Q(session__status=SessionStatus.TERMINATED)
    return Thread.objects.filter(pk=wanted.thread_id).exclude(over).exists()


def _previews(request: ASGIRequest) -> frozenset[str]:
    values = queries.many(request, "event_deltas", PREVIEWS)
    if len(values) > PREVIEWS_MAX:
        raise InvalidRequest(f"event_deltas: at most {PREVIEWS_MAX} values.")
    return frozenset(values)


async def _no_frames() -> AsyncIterator[bytes]:
    nothing: tuple[bytes, ...] = ()
    for frame in nothing:
        yield frame


async def _frames(
    items: AsyncIterator[Item | None], wanted: Wanted, is_allowed: Callable[[], Awaitable[bool]]
) -> AsyncIterator[bytes]:
    last = LAST_EVENTS if wanted.is_primary else LAST_THREAD_EVENTS
    previews = Previews(wanted.previews)
    clock = asyncio.get_running_loop().time
    ask_at = clock() + ALLOWED_SECONDS
    async for item in items:
        if clock() >= ask_at:
            if not await is_allowed():
                return
            ask_at = clock() + ALLOWED_SECONDS
        if item is None:
            yield PING
        elif item.event["type"] == DELETED or (
            item.thread_id == wanted.thread_id
            and previews.lets_through(item.event, request_id=item.request_id, part=item.part)
        ):
            yield json_frame(item.event["type"], item.text)
        if item is not None and item.event["type"] in last and _concerns(item, wanted):
            return


def _concerns(item: Item, wanted: Wanted) -> bool:
    return item.thread_id == wanted.thread_id or item.event["type"] in LAST_EVENTS
