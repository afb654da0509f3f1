"""PURE: a thread's conversation, folded from its log event by event and kept as JSON, so that the next request of a
long session costs what is new in it."""

import json
from collections.abc import Iterable
from functools import partial
from typing import Any

from agents.eventlog.wire import COMPACTED, REQUEST_END, REQUEST_START, Logged, private
from agents.file_sources import named_files
from agents.runtime.compaction import summary_block
from agents.runtime.context import Extent, shortened
from agents.runtime.position import INPUT_TYPES
from agents.runtime.prompt import Block, Message, blocks_of
from agents.runtime.search_results import search_results

ASKED_SHARE = 4  # what the user said last may be so much longer than other texts that stay

type Part = tuple[str, list[Block], str, bool]  # role, content, the event it begins with, whether the user said it last

_json = partial(json.dumps, ensure_ascii=False, separators=(",", ":"))


class KnownMessage(dict[str, Any]):
    """A message of the Messages API that knows its own JSON; nobody but `Conversation` changes it."""

    def __init__(self, role: str) -> None:
        super().__init__(role=role, content=[])
        self._blocks: list[str] = []
        self._text: str | None = None

    def extend(self, blocks: list[Block]) -> int:
        """By how many characters the JSON grew."""
        written = [_json(block) for block in blocks]
        self["content"] = [*self["content"], *blocks]
        self._blocks += written
        self._text = None
        return sum(map(len, written))

    @property
    def text(self) -> str:
        if self._text is None:
            self._text = f'{{"role":"{self["role"]}","content":[{",".join(self._blocks)}]}}'
        return self._text


class KnownMessages(list[Message]):
    """Messages of which all but the last are settled: their JSON is joined once."""

    def __init__(self) -> None:
        super().__init__()
        self._settled = ""
        self._settled_count = 0

    def json(self) -> str:
        for message in self[self._settled_count : -1]:
            self._settled += f"{message.text},"  # type: ignore[attr-defined]
            self._settled_count += 1
        return f"[{self._settled}{self[-1].text}]" if self else "[]"  # type: ignore[attr-defined]


class Conversation:
    """What was said so far; neighbours of one role become one message, as the API wants them.

    A system message may arrive between the results of one answer's calls, or before the user says anything: it is held
    back until the request that is the first to read it. Where the context was compacted, a summary stands for the
    beginning."""

    def __init__(self, events: Iterable[Logged] = ()) -> None:
        self.messages = KnownMessages()
        self.names_files = self.has_search_results = False
        self.size = 0  # characters of JSON, nearly
        self.extent = Extent()
        self.files: dict[str, str] = {}  # long results that clients sent: the event, and its file's path
        self._held: list[Block] = []
        self._starts: list[str] = []  # for each message the event that it begins with
        self._asked: list[Block] = []  # what the user, or who speaks as one, said last
        self._asked_in: Message | None = None
        for event in events:
            self.add(event)

    def add(self, event: Logged) -> None:
        role, blocks = blocks_of(event)
        if path := private(event).get("file"):
            self.files[event.event_id] = path
        if role == "system":
            self._held += blocks
        elif event.type == REQUEST_START:
            held, self._held = self._held, []
            self._extend("system", held, event.event_id)
            self.extent.begin_request()
        elif event.type == REQUEST_END:
            self._end_request(event)
        elif event.type == COMPACTED:
            self._compact(event)
        elif blocks:
            self._extend(role, blocks, event.event_id)
            if event.type in INPUT_TYPES:
                self._asked, self._asked_in = blocks, self.messages[-1]

    def start_of(self, index: int) -> str:
        """The event that a message begins with."""
        return self._starts[index]

    def _extend(self, role: str, blocks: list[Block], event_id: str) -> None:
        if not blocks:
            return
        last = self.messages[-1] if self.messages else None
        if not isinstance(last, KnownMessage) or last["role"] != role:
            last = KnownMessage(role)
            self.messages.append(last)
            self._starts.append(event_id)
        self.size += last.extend(blocks)
        self.extent.grow(blocks)
        self.names_files = self.names_files or any(True for _ in named_files(blocks))
        self.has_search_results = self.has_search_results or any(True for _ in search_results(blocks))

    def _end_request(self, event: Logged) -> None:
        if private(event).get("is_too_long"):
            self.extent.refuse()
        elif not event.payload.get("is_error"):
            self.extent.end_request(event.payload.get("model_usage") or {})

    # Compaction

    def _compact(self, event: Logged) -> None:
        """Put the summary in the place of what it tells; the user's last words and all system messages stay."""
        kept = private(event)
        if not kept:
            return
        first = self._starts.index(kept["keeps_from"]) if kept["keeps_from"] in self._starts else len(self.messages)
        parts = [("user", [summary_block(kept["summary"])], event.event_id, False)]
        parts += self._parts_kept(first, kept["text_max"], event.event_id)
        self.messages, self._starts, self._asked_in = KnownMessages(), [], None
        self.size, self.names_files, self.has_search_results = 0, False, False
        self.extent.restart()
        for role, blocks, start, is_asked in parts:
            self._extend(role, blocks, start)
            if is_asked:
                self._asked, self._asked_in = blocks, self.messages[-1]
        self.extent.settle()

    def _parts_kept(self, first: int, most: int, event_id: str) -> list[Part]:
        """What follows the summary; a system message comes after a user's, where endpoints take it."""
        dropped, tail = self.messages[:first], self.messages[first:]
        kept = [
            (message["role"], shortened(message["content"], most), start, message is self._asked_in)
            for message, start in zip(tail, self._starts[first:], strict=True)
        ]
        if not any(is_asked for *_, is_asked in kept):
            kept.insert(0, ("user", shortened(self._asked, most * ASKED_SHARE), event_id, True))
        systems = [block for message in dropped if message["role"] == "system" for block in message["content"]]
        users = next((index for index, part in enumerate(kept) if part[0] != "user"), len(kept))
        return [*kept[:users], ("system", shortened(systems, most), event_id, False), *kept[users:]]


def request_json(request: dict[str, Any]) -> bytes:
    """A Messages request as it is sent; messages that know their JSON are not written anew."""
    messages = request["messages"]
    known = messages.json() if isinstance(messages, KnownMessages) else _json(messages)
    members = [f"{_json(name)}:{_json(value)}" for name, value in request.items() if name != "messages"]
    text = ",".join([*members, f'"messages":{known}'])
    return f"{{{text}}}".encode(errors="replace")  # a lone surrogate has no UTF-8
