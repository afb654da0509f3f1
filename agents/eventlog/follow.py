"""Follows a session's events as they are appended: one Redis subscription per process, the table fills every gap.

Why a hint and not the truth: a message that Redis loses must cost a moment, never an event. Every logged event carries
its place in the session, so a follower sees a gap and reads it from the table; it also looks there after each
reconnect and each quiet interval.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

from django.db import close_old_connections
from django.utils import timezone

from agents.eventlog.channel import channel_of, preview_channel_of
from agents.eventlog.hub import Follower, Item, Look, hub
from agents.eventlog.wire import deleted_event, wire_event
from agents.ids import new_id
from agents.models import Event, Session

QUIET_SECONDS = 10.0  # a ping that often keeps proxies awake; clients give up after 10 minutes of silence
POLL_SECONDS = 1.0  # without Redis the table alone tells
DATABASE_THREADS = 4  # streams borrow a thread for a moment; 500 of them must not hold 500 connections
CATCH_UP_BATCH = 500

_executor = ThreadPoolExecutor(DATABASE_THREADS, thread_name_prefix="stream-db")


async def in_database[T](function: Callable[..., T], *arguments: Any) -> T:
    """Run a synchronous query for a stream in one of a few threads, and give the connection back."""
    return await asyncio.get_running_loop().run_in_executor(_executor, _with_clean_connection, function, *arguments)


def _with_clean_connection[T](function: Callable[..., T], *arguments: Any) -> T:
    close_old_connections()
    try:
        return function(*arguments)
    finally:
        close_old_connections()


@asynccontextmanager
async def following(
    session_id: str, *, after: int | None = None, previews_of: str | None = None
) -> AsyncIterator[AsyncIterator[Item | None]]:
    """The session's events on all threads, from the place `after` (None: from now on), None for each quiet interval.
    With a thread's id in `previews_of`, what its agent is writing as well; `Previews` says what of that to show.

    When the block is entered the subscription stands: whatever is appended from then on comes through. It ends when the
    session is deleted or the server stops; who takes no bytes is the business of whoever sends them.
    """
    channels = [channel_of(session_id), *([preview_channel_of(previews_of)] if previews_of else [])]
    async with hub.joined(*channels) as follower:
        if after is not None:
            follower.offer(Look)
        start = await in_database(last_seq, session_id) if after is None else after
        yield _items(session_id, follower, start)


async def _items(session_id: str, follower: Follower, last: int) -> AsyncIterator[Item | None]:
    while not follower.lost.is_set():
        found = await follower.next(QUIET_SECONDS if hub.is_connected else POLL_SECONDS)
        if found is None:
            yield None
        if isinstance(found, Item) and found.seq is None:
            yield found
        elif isinstance(found, Item) and found.seq == last + 1:
            last += 1
            yield found
        elif not isinstance(found, Item) or (found.seq or 0) > last:
            while not follower.lost.is_set():
                missed = await in_database(events_after, session_id, last)
                if missed is None:
                    # The message that said so may be the one that was lost.
                    gone = deleted_event(new_id("event"), timezone.now())
                    yield Item(thread_id="", seq=None, event=gone)
                    return
                for item in missed:
                    last = item.seq or last
                    yield item
                if len(missed) < CATCH_UP_BATCH:
                    break


def last_seq(session_id: str) -> int:
    """The place of the session's last event; 0 where there is none."""
    next_seq = Session.objects.filter(pk=session_id).values_list("next_seq", flat=True).first()
    return (next_seq or 1) - 1


def events_after(session_id: str, seq: int) -> list[Item] | None:
    """The logged events after a place in the session; None when the session is gone."""
    rows = list(Event.objects.filter(session_id=session_id).after(seq).in_order()[:CATCH_UP_BATCH])
    if not rows and not Session.objects.filter(pk=session_id).exists():
        return None
    return [Item(thread_id=row.thread_id, seq=row.seq, event=wire_event(row)) for row in rows]
