"""Shares a few threads between callers: nobody gets all of them, and who has to wait for one does so in order."""

import asyncio
from collections import OrderedDict
from collections.abc import Hashable

MOST = 4  # threads of one caller: more of them make none of its answers come sooner, and all others' later

type Turn = asyncio.Future[None]


class Shares:
    """Of the event loop, and only there. A caller is given a thread while it holds fewer than are free: one that asks
    for forty gets four of ten, the next one three, and somebody new always finds one until very many are busy.

    Nothing is kept of a caller that neither holds a thread nor waits for one.
    """

    def __init__(self, threads: int) -> None:
        self.free = threads
        self.held: dict[Hashable, int] = {}
        self.lines: dict[Hashable, OrderedDict[Turn, None]] = {}

    def take(self, caller: Hashable) -> bool:
        """Whether the caller has one more thread now; nobody goes past its own line."""
        if caller in self.lines or not self._may_have_more(caller):
            return False
        self._give(caller)
        return True

    def stand_in_line(self, caller: Hashable) -> Turn:
        """Done when the caller has one more thread; `leave` it otherwise."""
        turn: Turn = asyncio.get_running_loop().create_future()
        self.lines.setdefault(caller, OrderedDict())[turn] = None
        return turn

    def leave(self, caller: Hashable, turn: Turn) -> None:
        """Also in the moment in which the turn came: the thread is the next one's then."""
        if turn.done():
            self.give_back(caller)
            return
        line = self.lines[caller]
        del line[turn]
        if not line:
            del self.lines[caller]

    def give_back(self, caller: Hashable) -> None:
        self.free += 1
        self.held[caller] -= 1
        if not self.held[caller]:
            del self.held[caller]
        while (next_one := self._next()) is not None:
            self._call(next_one)

    def _next(self) -> Hashable | None:
        """Who holds the fewest threads; of several, who was not called for the longest time."""
        fewest = min(self.lines, key=self._count, default=None)
        return fewest if fewest is not None and self._may_have_more(fewest) else None

    def _call(self, caller: Hashable) -> None:
        line = self.lines.pop(caller)
        turn, _ = line.popitem(last=False)
        if line:
            self.lines[caller] = line  # behind all others
        self._give(caller)
        turn.set_result(None)

    def _give(self, caller: Hashable) -> None:
        self.free -= 1
        self.held[caller] = self._count(caller) + 1

    def _may_have_more(self, caller: Hashable) -> bool:
        return self._count(caller) < min(MOST, self.free)

    def _count(self, caller: Hashable) -> int:
        return self.held.get(caller, 0)
