"""Threads that callers share: nobody gets all of them, and who has to wait for one does so in order, holding none."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor

MOST = 5  # threads of one caller: more of them make none of its answers come sooner, and all others' later
LONG_SECONDS = 0.5  # a line of what is quick moves on sooner, also on a busy machine

type Job = Future[None]
type Work = Callable[[], None]


class SharedThreads:
    """A caller is given a thread while it holds fewer than are free: one that asks for forty gets five of ten, the next
    one three, and somebody new always finds one until very many are busy.

    A thread that is done takes the next job itself: by way of the event loop it would wait for the interpreter twice.
    Nothing is kept of a caller that neither holds a thread nor waits for one.
    """

    def __init__(self, threads: int, name: str) -> None:
        self.free = threads
        self.held: dict[Hashable, int] = {}
        self.lines: dict[Hashable, OrderedDict[Job, tuple[Work, float]]] = {}  # since when each waits
        self._lock = threading.Lock()
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix=name)

    def submit(self, caller: Hashable, work: Work) -> Job:
        """Behind all that the caller asked for before; `leave` says that nobody wants it any more."""
        job: Job = Future()
        with self._lock:
            self.lines.setdefault(caller, OrderedDict())[job] = work, time.monotonic()
            if self._may_have_more(caller):  # then it is the first in its line
                self._threads.submit(self._work, *self._take(caller))
        return job

    def leave(self, caller: Hashable, job: Job) -> None:
        """What has begun goes on."""
        with self._lock:
            job.cancel()
            if line := self.lines.get(caller):
                line.pop(job, None)
                if not line:
                    del self.lines[caller]

    def has_stood_long(self, caller: Hashable) -> bool:
        """Whether its line hardly moves: what it asks for is slow, and not only much."""
        with self._lock:
            line = self.lines.get(caller)
            return line is not None and time.monotonic() - next(iter(line.values()))[1] > LONG_SECONDS

    def _work(self, caller: Hashable, job: Job, work: Work) -> None:
        while True:
            _do(job, work)
            with self._lock:
                self._give_back(caller)
                # Who holds the fewest threads; of several, who was served the longest time ago.
                fewest = min(self.lines, key=self._count, default=None)
                if fewest is None or not self._may_have_more(fewest):
                    return
                caller, job, work = self._take(fewest)

    def _take(self, caller: Hashable) -> tuple[Hashable, Job, Work]:
        line = self.lines.pop(caller)
        job, (work, _) = line.popitem(last=False)
        if line:
            self.lines[caller] = line  # behind all others
        self.free -= 1
        self.held[caller] = self._count(caller) + 1
        return caller, job, work

    def _give_back(self, caller: Hashable) -> None:
        self.free += 1
        self.held[caller] -= 1
        if not self.held[caller]:
            del self.held[caller]

    def _may_have_more(self, caller: Hashable) -> bool:
        return self._count(caller) < min(MOST, self.free)

    def _count(self, caller: Hashable) -> int:
        return self.held.get(caller, 0)


def _do(job: Job, work: Work) -> None:
    if not job.set_running_or_notify_cancel():
        return
    try:
        work()
    except BaseException as error:  # it is told to whoever waits
        job.set_exception(error)
    else:
        job.set_result(None)
