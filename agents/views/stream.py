"""A session's trace as it grows, for its page: fragments of HTML that resume by their place in the session."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from django.core.handlers.asgi import ASGIRequest
from django.utils.html import escape

from agents.access import access_session
from agents.actors import Actor
from agents.eventlog.follow import following, in_database
from agents.eventlog.hub import Item
from agents.eventlog.previews import Previews
from agents.exceptions import DomainError, NotAuthenticated
from agents.middleware import member_behind
from agents.models import Session
from agents.sse import PING, Receive, Scope, Send, frame, new_request_id, request_of, send_error, send_stream
from agents.views.trace import BODY_MAX_CHARS, Lanes, View, lanes_of, render_event, view_of

ADDRESS = re.compile(r"/sessions/(?P<session>[^/]+)/stream/")
OPEN_SECONDS = 300.0  # then the browser connects again with its last place: nothing stays open for ever
DELETED = "session.deleted"
TERMINATED = "session.status_terminated"
PREVIEWED = ("agent.message",)
ENDS_OF_TEXT = (*PREVIEWED, "span.model_request_end")
NOTHING_WRITTEN = '<p id="writing" hx-swap-oob="innerHTML"></p>'
# What changes how the session stands, what it has cost, whom it waits for, or what is queued.
STATUS_EVENTS = (
    "session.status_",
    "session.updated",
    "session.error",
    "span.model_request_end",
    "user.",
    "system.message",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    session_id: str
    after: int | None
    is_again: bool  # the connection broke: how the session stood may have changed without a word
    view: View
    lanes: Lanes


def match_page_stream(path: str) -> re.Match[str] | None:
    return ADDRESS.fullmatch(path)


async def page_stream(found: re.Match[str], scope: Scope, receive: Receive, send: Send) -> None:
    request_id = new_request_id()
    try:
        wanted = await in_database(_access, request_of(scope), found["session"])
    except DomainError as error:
        await send_error(error, send, request_id=request_id)
        return
    async with following(wanted.session_id, after=wanted.after, previews_of=wanted.lanes.primary) as items:
        await send_stream(_frames(items, wanted), receive, send, request_id=request_id)


def _access(request: ASGIRequest, session_id: str) -> Wanted:
    member = member_behind(request)
    if member is None:
        raise NotAuthenticated("Sign in first.")
    session = access_session(Actor(workspace=member.workspace, member=member), session_id)
    return Wanted(
        session_id=session.pk,
        after=_place(request, session),
        is_again="Last-Event-ID" in request.headers,
        view=view_of(request.GET.get("view", "")),
        lanes=lanes_of(session.pk),
    )


def _place(request: ASGIRequest, session: Session) -> int | None:
    """The larger of what the page showed and what this connection had already sent before it broke."""
    places = [request.GET.get("after", ""), request.headers.get("Last-Event-ID", "")]
    known = [int(place[:18]) for place in places if place.isascii() and place.isdigit()]
    return min(max(known), session.next_seq - 1) if known else None


async def _frames(items: AsyncIterator[Item | None], wanted: Wanted) -> AsyncIterator[bytes]:
    ends_at = asyncio.get_running_loop().time() + OPEN_SECONDS
    lanes, writing = wanted.lanes, Writing(wanted.lanes.primary)
    if wanted.is_again:
        yield frame("status", "connected again")
    async for item in items:
        if item is None:
            yield PING
            if asyncio.get_running_loop().time() > ends_at:
                return
        elif item.event["type"] == DELETED:
            yield frame("done", "")
            return
        elif text := writing.hear(item):
            yield frame("writing", str(escape(text)))
        else:
            kind = item.event["type"]
            if item.seq is not None:
                row = lanes.row(thread_id=item.thread_id, seq=item.seq, event=item.event)
                html = await in_database(render_event, row, wanted.view)
                if html := writing.replaced_by(item, html):
                    yield frame("event", html, place=item.seq)
            if kind.startswith(STATUS_EVENTS):
                yield frame("status", kind)
            if kind == TERMINATED:
                yield frame("done", "")
                return


class Writing:
    """The text that the session's own agent is writing, until the event that has all of it takes its place."""

    def __init__(self, thread_id: str) -> None:
        self._thread_id = thread_id
        self._previews = Previews(PREVIEWED)
        self._shown = 0
        self._index = 0  # of the text in the message's content

    def hear(self, item: Item) -> str:
        """What to show in addition."""
        if item.thread_id != self._thread_id:
            return ""
        if not self._previews.lets_through(item.event, request_id=item.request_id, part=item.part):
            return ""
        return self._piece(item.event["delta"]) if item.event["type"] == "event_delta" else ""

    def _piece(self, delta: dict[str, Any]) -> str:
        text: str = delta["content"]["text"]
        if delta["index"] != self._index:
            self._index, text = delta["index"], f"\n{text}"
        piece = text[: max(0, BODY_MAX_CHARS - self._shown)]
        self._shown += len(piece)
        return piece

    def replaced_by(self, item: Item, html: str) -> str:
        """The event, which clears away what it ends, even if an earlier connection showed that."""
        if item.thread_id != self._thread_id or item.event["type"] not in ENDS_OF_TEXT:
            return html
        self._shown = self._index = 0
        return html + NOTHING_WRITTEN
