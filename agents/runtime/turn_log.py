"""A thread's log as one turn knows it: its end, and the conversation that the whole of it folds to."""

from collections.abc import Iterable

from agents.eventlog import statements
from agents.eventlog.wire import Logged
from agents.models import Event
from agents.runtime.conversation import Conversation
from agents.runtime.known_threads import Known, known_threads
from agents.runtime.position import is_rest

SEQ_MAX = 2**62  # behind every event


class TurnLog:
    """`events` is the end of the log: at least from the last end of a turn on."""

    def __init__(self, thread_id: str) -> None:
        self._thread_id = thread_id
        self.events: list[Logged] = []
        self.conversation = Conversation()
        self._last_seq = 0
        self._recall()
        self.read()

    def _recall(self) -> None:
        """Begin with what this process knows of the log already, if the log still says so."""
        known = known_threads.take(self._thread_id)
        if known is None:
            return
        there = statements.logged_between.first(self._thread_id, known.last_seq - 1, known.last_seq + 1)
        if there and there[1] == known.last_id:
            self.events, self.conversation, self._last_seq = known.events, known.conversation, known.last_seq

    def remember(self) -> None:
        """For this thread's next turn; everything that is here is committed."""
        if not self.events:
            return
        rests = [index for index, event in enumerate(self.events) if self._is_own_rest(event)]
        tail = self.events[rests[-2] + 1 :] if len(rests) > 1 else self.events
        last_id = self.events[-1].event_id
        known = Known(last_seq=self._last_seq, last_id=last_id, events=tail, conversation=self.conversation)
        known_threads.leave(self._thread_id, known)

    def read(self, *, before: int | None = None) -> None:
        """Take in what was logged since: clients answer calls, and their answers are in the log at once."""
        rows = statements.logged_between.all(self._thread_id, self._last_seq, before or SEQ_MAX)
        for seq, event_id, type, payload in rows:
            self._last_seq = seq
            self._take_in(Logged(event_id=event_id, type=type, payload=payload))

    def add(self, rows: list[Event]) -> None:
        """Take in what was just appended, and what others put in between."""
        if rows[0].seq > self._last_seq + 1:
            self.read(before=rows[0].seq)
        self._last_seq = rows[-1].seq
        for row in rows:
            self._take_in(Logged(event_id=row.event_id, type=row.type, payload=row.payload))

    def _take_in(self, event: Logged) -> None:
        self.events.append(event)
        self.conversation.add(event)

    def since_rest(self) -> list[Logged]:
        """From the last end of a turn on."""
        for index in range(len(self.events) - 1, -1, -1):
            if self._is_own_rest(self.events[index]):
                return self.events[index + 1 :]
        return self.events

    def since_running(self) -> Iterable[Logged]:
        """The latest first, back to when the session was last set to work."""
        for event in reversed(self.events):
            if event.type == "session.thread_status_running":
                return
            yield event

    def _is_own_rest(self, event: Logged) -> bool:
        return is_rest(event) and event.payload["session_thread_id"] == self._thread_id
