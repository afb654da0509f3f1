"""Whose turn it is: the workspace with the fewest turns under way; among equals the one served longest ago.

A wake-up names a thread, and where workers keep up that thread is driven. Where a line forms, a wake-up is only the
right to drive one more turn, and the database says whose: who floods the line stands behind whoever has less under way.
As many wake-ups as threads wait, so nobody is left over; the sweeper makes new ones where Redis lost them.
"""

import threading
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.utils import timezone

from agents.leases import acquire, rest_connection
from agents.models import Thread

TRIES = 5  # another process may be faster; whoever gives up leaves the thread to the sweeper

# Hops from workspace to workspace in the index of what waits, so that ten thousand waiting turns of one cost no more
# than ten. In each: how many turns are under way, and the thread to drive next, which is the one that the wake-up
# names, else one that lost its worker, else the one that waits longest.
STANDING = """
WITH RECURSIVE line(workspace) AS (
    SELECT MIN(workspace_id) FROM agents_thread WHERE wake > seen
    UNION ALL
    SELECT (SELECT MIN(workspace_id) FROM agents_thread WHERE wake > seen AND workspace_id > line.workspace)
    FROM line WHERE line.workspace IS NOT NULL
)
SELECT workspace,
    (SELECT COUNT(*) FROM agents_thread WHERE wake > seen AND workspace_id = line.workspace AND lease_until >= %(now)s),
    COALESCE(
        (SELECT id FROM agents_thread WHERE id = %(hint)s AND workspace_id = line.workspace AND wake > seen
            AND (lease_until IS NULL OR lease_until < %(now)s) AND (wake_at IS NULL OR wake_at <= %(now)s)),
        (SELECT id FROM agents_thread WHERE wake > seen AND workspace_id = line.workspace AND lease_until < %(now)s
            AND (wake_at IS NULL OR wake_at <= %(now)s) ORDER BY lease_until LIMIT 1),
        (SELECT id FROM agents_thread WHERE wake > seen AND workspace_id = line.workspace AND lease_until IS NULL
            AND (wake_at IS NULL OR wake_at <= %(now)s) ORDER BY enqueued_at LIMIT 1)
    )
FROM line WHERE workspace IS NOT NULL
"""


@dataclass(frozen=True, slots=True)
class Standing:
    """A workspace in the line: how many of its turns are under way, and which thread goes next, if one may."""

    workspace_id: str
    running: int
    thread_id: str | None


class _Line:
    """What this process served last breaks ties; forgetting it costs nobody more than one place."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self._served: dict[str, int] = {}
        self._count = 0

    def note(self, workspace_id: str) -> None:
        self._count += 1
        self._served[workspace_id] = self._count

    def first(self, hint: str) -> str | None:
        """The thread to drive next, None where nothing waits."""
        able = [place for place in standings(hint) if place.thread_id]
        if not able:
            return None
        return min(able, key=lambda p: (p.running, self._served.get(p.workspace_id, 0), p.thread_id != hint)).thread_id


_line = _Line()


def claim(hint: str, *, is_crowded: bool) -> Thread | None:
    """Spend a wake-up: the lease of the thread that it names or, where a line has formed, of whoever comes first."""
    thread = None if is_crowded else acquire(Thread, hint)
    if thread is not None:
        _line.note(thread.workspace_id)
        return thread
    rest_connection()  # whoever holds the lock needs one, and the pool has fewer than a worker has slots
    with _line.lock:  # else all slots would run after the same thread
        for _ in range(TRIES):
            first = _line.first(hint)
            if first is None:
                return None
            if (thread := acquire(Thread, first)) is not None:
                _line.note(thread.workspace_id)
                return thread
    return None


def others_first(thread: Thread) -> bool:
    """Whether a slot that has just ended a turn of this thread, which has the next message already, should go to a
    workspace with less under way."""
    places = standings(thread.pk)
    own = next((place.running for place in places if place.workspace_id == thread.workspace_id), 0)
    return any(place.thread_id and place.running < own for place in places)


def standings(hint: str = "") -> list[Standing]:
    """Every workspace that has something to do, under way or waiting."""
    now: Any = connection.ops.adapt_datetimefield_value(timezone.now())
    with connection.cursor() as cursor:
        cursor.execute(STANDING, {"now": now, "hint": hint})
        return [Standing(*row) for row in cursor.fetchall()]
