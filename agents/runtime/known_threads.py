"""What the last turns of this process know of their threads, left for the next turns of the same threads."""

import threading
from collections import OrderedDict
from dataclasses import dataclass

from agents.eventlog.wire import Logged
from agents.runtime.conversation import Conversation

KEPT_MAX = 200  # conversations in one process
KEPT_CHARACTERS_MAX = 8_000_000  # of all of them; in memory they take about four times as much


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What a process knows of a thread: its log up to the event `last_id` at `last_seq`; `events` is the end of it."""

    last_seq: int
    last_id: str
    events: list[Logged]
    conversation: Conversation


class KnownThreads:
    """What the last turns of this process left in memory. The log is append-only, so what is known of it is true as
    long as its last event is there; to have forgotten it only takes time."""

    def __init__(self, most: int = KEPT_MAX, most_characters: int = KEPT_CHARACTERS_MAX) -> None:
        self._most, self._most_characters = most, most_characters
        self._known: OrderedDict[str, Known] = OrderedDict()
        self._characters = 0
        self._lock = threading.Lock()

    def take(self, thread_id: str) -> Known | None:
        """For one turn, which goes on with it; it leaves what it then knows, unless it fails."""
        with self._lock:
            known = self._known.pop(thread_id, None)
            if known:
                self._characters -= known.conversation.size
            return known

    def leave(self, thread_id: str, known: Known) -> None:
        """For the thread's next turn; what was left longest ago is forgotten where it becomes too much."""
        self.take(thread_id)
        with self._lock:
            self._known[thread_id] = known
            self._characters += known.conversation.size
            while len(self._known) > self._most or self._characters > self._most_characters:
                _, forgotten = self._known.popitem(last=False)
                self._characters -= forgotten.conversation.size


known_threads = KnownThreads()
