"""What the answer to a model request says while it is being written, for the connections that asked to see it."""

import time

from agents.eventlog.channel import Part, publish_previews
from agents.ids import new_id
from agents.storable import storable

TOGETHER_SECONDS = 0.04  # what a model says within this time goes out as one piece: 25 frames a second at most
THINKING = ("thinking", "redacted_thinking")


class Preview:
    """Hears one answer. It gives the events to come their ids, so that they replace what was shown of them; nothing of
    it is kept. A lost piece would leave a hole, so it falls silent when nobody was reached."""

    def __init__(self, thread_id: str, request_id: str) -> None:
        self._thread_id, self._request_id = thread_id, request_id
        self._message_id = ""
        self._thinking_ids: list[str] = []
        self._parts: list[Part] = []  # ready to go out
        self._sent = 0  # pieces of the message that went out, its start included
        self._index = -1  # of the text in the message's content
        self._pieces: list[str] = []
        self._is_blank = True
        self._last_flush = 0.0
        self._is_heard = True

    @property
    def message_id(self) -> str:
        return self._message_id or new_id("event")

    def thinking_id(self, number: int) -> str:
        return self._thinking_ids[number] if number < len(self._thinking_ids) else new_id("event")

    def begins(self, kind: str) -> None:
        """A content block of the answer begins."""
        self._close_piece()
        self._pieces, self._is_blank = [], True
        if kind in THINKING:
            self._thinking_ids.append(self._start("agent.thinking"))
            self._flush()

    def says(self, text: str) -> None:
        """The next piece of the text block that began last. Blank text is no part of the message (see the loop)."""
        self._pieces.append(storable(text))
        if self._is_blank and not text.strip():
            return
        if self._is_blank:
            self._is_blank = False
            self._index += 1
        if not self._message_id:
            self._message_id = self._start("agent.message")
        if time.monotonic() - self._last_flush > TOGETHER_SECONDS:
            self._flush()

    def ends(self) -> None:
        self._flush()

    def _start(self, kind: str) -> str:
        event_id = new_id("event")
        self._parts.append((0, {"type": "event_start", "event": {"type": kind, "id": event_id}}))
        return event_id

    def _close_piece(self) -> None:
        """What was said since the last piece becomes the next one."""
        text = "" if self._is_blank else "".join(self._pieces)
        if not text:
            return
        self._pieces = []
        self._sent += 1
        content = {"type": "text", "text": text}
        delta = {"type": "content_delta", "index": self._index, "content": content}
        self._parts.append((self._sent, {"type": "event_delta", "event_id": self._message_id, "delta": delta}))

    def _flush(self) -> None:
        self._close_piece()
        if self._parts and self._is_heard:
            self._is_heard = publish_previews(self._thread_id, self._request_id, self._parts)
        self._parts = []
        self._last_flush = time.monotonic()
