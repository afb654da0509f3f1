"""The one Redis subscription of a process, and the lines of those who follow a session's events through it.

Why a hint and not the truth: see `follow`, which fills from the table what is lost here.
"""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import redis.asyncio
from django.conf import settings
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from agents.eventlog.channel import CHANNEL_PREFIX

logger = logging.getLogger(__name__)

QUEUE_MAX = 1000  # who is this far behind reads on in the table: one commit may hold more events than that
PREVIEWS_QUEUE_MAX = QUEUE_MAX // 2  # a client this far behind goes without previews
RECONNECT_SECONDS = 1.0
SUBSCRIBE_SECONDS = 5.0  # a stream waits so long for a slow Redis, for one that is away until it is seen
CONTROL_CHANNEL = f"{CHANNEL_PREFIX}-"  # keeps the subscription open while nobody follows anything


@dataclass(frozen=True, kw_only=True)
class Item:
    """One event of one thread, as on the wire; `seq` is None for what is never kept: queued copies and previews. A
    preview says which model request it belongs to, and which frame of its event it is."""

    thread_id: str
    seq: int | None
    event: dict[str, Any]
    request_id: str = ""
    part: int = 0

    @cached_property
    def text(self) -> str:
        """The event in JSON, made once for all who follow; in ASCII, because some clients end a line at U+2028."""
        return json.dumps(self.event, separators=(",", ":"))


class Look:
    """In a follower's queue: look into the table, something may have been missed."""


class Follower:
    """One reader's place in line. `lost` is set when the process ends, `is_behind` when not everything was put in line,
    `subscribed` when none of its channels is `awaited` any more, or Redis is away."""

    def __init__(self, awaited: Iterable[str]) -> None:
        self.queue: asyncio.Queue[Item | type[Look]] = asyncio.Queue(QUEUE_MAX)
        self.awaited = set(awaited)
        self.subscribed = asyncio.Event()
        self.lost = asyncio.Event()
        self.is_behind = False

    def offer(self, item: Item | type[Look]) -> None:
        if isinstance(item, Item) and item.request_id and self.queue.qsize() > PREVIEWS_QUEUE_MAX:
            return
        try:
            self.queue.put_nowait(item)
        except asyncio.QueueFull:
            self.is_behind = True

    def confirm(self, channel: str) -> None:
        """The subscription of the channel stands, for the first time or again."""
        if channel not in self.awaited:
            self.offer(Look)  # the connection was lost in between
        self.awaited.discard(channel)
        if not self.awaited:
            self.subscribed.set()

    async def next(self, patience: float) -> Item | type[Look] | None:
        """The next thing to do, or None when nothing came for so long."""
        if self.is_behind and self.queue.empty():
            self.is_behind = False
            return Look
        with suppress(asyncio.QueueEmpty):
            return self.queue.get_nowait()  # a timer costs more than all the rest
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                return await self.queue.get()
        return None


class Hub:
    """The process's one subscription; hands every message to the followers of its session."""

    def __init__(self) -> None:
        self._followers: dict[str, set[Follower]] = {}
        self._standing: set[str] = set()  # channels that Redis said we are subscribed to
        self._pubsub: PubSub | None = None
        self._reader: asyncio.Task[None] | None = None
        self.is_closing = False

    @asynccontextmanager
    async def joined(self, *channels: str) -> AsyncIterator[Follower]:
        """A place in line for what these channels bring, while the block lasts; when it is entered they all stand."""
        new = [channel for channel in channels if channel not in self._followers]
        follower = Follower(awaited=set(channels) - self._standing)
        for channel in channels:
            self._followers.setdefault(channel, set()).add(follower)
        try:
            await self._subscribe(follower, new)
            yield follower
        finally:
            for channel in channels:
                self._followers[channel].discard(follower)
            left = [channel for channel in channels if not self._followers[channel]]
            for channel in left:
                del self._followers[channel]
            await self._unsubscribe(left)

    @property
    def is_connected(self) -> bool:
        return self._pubsub is not None

    def close(self) -> None:
        """End every stream: the server stops."""
        self.is_closing = True
        for follower in self._all():
            follower.lost.set()
            follower.offer(Look)

    async def _subscribe(self, follower: Follower, new: list[str]) -> None:
        if self.is_closing:
            follower.lost.set()
        if self._reader is None or self._reader.done():
            self._reader = asyncio.create_task(self._read_for_ever())
        elif self._pubsub is not None and new:
            with suppress(RedisError, OSError):
                await self._pubsub.subscribe(*new)
        elif not follower.awaited:
            follower.subscribed.set()
        # Without Redis the stream still begins: the table is looked at after every quiet interval.
        with suppress(TimeoutError):
            async with asyncio.timeout(SUBSCRIBE_SECONDS):
                await follower.subscribed.wait()
        follower.awaited.clear()

    async def _unsubscribe(self, channels: list[str]) -> None:
        self._standing -= set(channels)
        if self._pubsub is not None and channels:
            with suppress(RedisError, OSError):
                await self._pubsub.unsubscribe(*channels)

    async def _read_for_ever(self) -> None:
        while not self.is_closing:
            try:
                await self._read()
            except (RedisError, OSError) as error:
                logger.warning("The event subscription was lost, trying again: %s", error)
                for follower in self._all():
                    follower.subscribed.set()
                await asyncio.sleep(RECONNECT_SECONDS)

    async def _read(self) -> None:
        async with redis.asyncio.from_url(settings.REDIS_URL) as client, client.pubsub() as pubsub:
            try:
                known = set(self._followers)
                await pubsub.subscribe(CONTROL_CHANNEL, *known)
                self._pubsub = pubsub
                if late := set(self._followers) - known:  # they came in between
                    await pubsub.subscribe(*late)
                async for message in pubsub.listen():
                    self._deliver(message)
            finally:
                self._pubsub = None
                self._standing.clear()

    def _deliver(self, message: dict[str, Any]) -> None:
        channel = message["channel"].decode()
        followers = self._followers.get(channel, ())
        if message["type"] == "subscribe" and followers:
            self._standing.add(channel)
            for follower in followers:
                follower.confirm(channel)
        elif message["type"] == "message":
            item = _item_of(json.loads(message["data"]))
            for follower in followers:
                follower.offer(item)

    def _all(self) -> list[Follower]:
        return [follower for followers in self._followers.values() for follower in followers]


def _item_of(told: dict[str, Any]) -> Item:
    preview = {"request_id": told["request"], "part": told["part"]} if "request" in told else {}
    return Item(thread_id=told["thread"], seq=told.get("seq"), event=told["event"], **preview)


hub = Hub()
