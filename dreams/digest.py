"""PURE: a session's events as numbered, redacted, bounded events with trust and principal: what a dream may read."""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from dreams.limits import (
    DIGEST_MAX_CHARS,
    ERROR_TEXT_MAX_CHARS,
    EVENT_SCAN_MAX_CHARS,
    EVENT_TEXT_MAX_CHARS,
    EVENTS_PER_DIGEST_MAX,
    SESSION_SCAN_MAX_CHARS,
)
from dreams.redaction import redact, redact_values
from dreams.signatures import error_line

TOOL_USES = {"agent.tool_use", "agent.custom_tool_use", "agent.mcp_tool_use"}
TOOL_RESULTS = {
    "agent.tool_result": "tool_use_id",
    "agent.mcp_tool_result": "mcp_tool_use_id",
    "user.custom_tool_result": "custom_tool_use_id",
    "user.tool_result": "tool_use_id",
}
MESSAGES = {
    "user.message": "user_message",
    "system.message": "system_message",
    "agent.message": "agent_message",
    "agent.thread_message_received": "thread_message",
}
_TOOL_NAME = re.compile(r"[^A-Za-z0-9_.:/-]")
_FETCHES = re.compile(r"[a-z]://|\b(?:curl|wget)\b", re.IGNORECASE)
_LINE_END = re.compile("[\n\v\f\x1c-\x1e\x85\u2028\u2029]")
_SHRUNK_TEXT_CHARS = 160  # what an event that proves nothing keeps when the digest is over its bound


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceEvent:
    """A wire event; whether the platform vouches for who sent it (a member, an operator's key); and, of an error, the
    trust that it was written with, which never rises."""

    payload: dict[str, Any]
    is_operator: bool = False
    error_trust: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestEvent:
    """`text` is what a model sees; `full` is the same event unshortened, for quotes, origins and taint."""

    n: int
    event_id: str
    event_type: str
    kind: str
    trust: int
    principal: str
    text: str
    full: str
    tool: str = ""
    of: int | None = None
    is_error: bool = False
    at: str = ""

    @property
    def is_agent_prose(self) -> bool:
        return self.kind == "agent_message"


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    session_id: str
    principal: str
    verdict: str | None  # completed | failed | None
    events: tuple[DigestEvent, ...]
    is_truncated: bool = False
    ended_at: str = ""

    @property
    def is_failed(self) -> bool:
        return self.verdict == "failed"

    def event(self, n: int) -> DigestEvent | None:
        return self.events[n - 1] if 1 <= n <= len(self.events) else None


def digest_session(
    *,
    session_id: str,
    principal: str,
    verdict: str | None,
    events: Iterable[SourceEvent],
    declared_tools: frozenset[str],
    key: bytes,
    max_chars: int = DIGEST_MAX_CHARS,
    ended_at: str = "",
) -> Digest:
    """Number, redact and bound one session's events. `declared_tools` are the custom tools its agent declares."""
    builder = _Builder(principal=principal, declared_tools=declared_tools, key=key)
    for event in events:
        if len(builder.events) >= EVENTS_PER_DIGEST_MAX:
            break
        builder.take(event)
    bounded, truncated = _bounded(builder.events, max_chars)
    return Digest(
        session_id=session_id,
        principal=principal,
        verdict=verdict,
        events=tuple(bounded),
        is_truncated=truncated or len(builder.events) >= EVENTS_PER_DIGEST_MAX,
        ended_at=ended_at or (bounded[-1].at if bounded else ""),
    )


class _Builder:
    def __init__(self, *, principal: str, declared_tools: frozenset[str], key: bytes) -> None:
        self.principal, self.declared_tools, self.key = principal, declared_tools, key
        self.events: list[DigestEvent] = []
        self.calls: dict[str, tuple[int, str, str]] = {}  # tool_use id -> (n, tool, event type)
        self.fetching: set[str] = set()  # tool_use ids of commands that print what somebody else's server says
        self.left_to_scan = SESSION_SCAN_MAX_CHARS

    def take(self, source: SourceEvent) -> None:
        payload = source.payload
        kind = payload.get("type", "")
        if kind in TOOL_USES:
            self._call(payload)
        elif kind in TOOL_RESULTS:
            self._result(payload, source.error_trust)
        elif kind in MESSAGES:
            self._message(payload, source.is_operator)
        elif kind == "span.outcome_evaluation_end":
            self._add(payload, "verdict", 2, str(payload.get("result", "")))

    def _call(self, payload: dict[str, Any]) -> None:
        tool = _TOOL_NAME.sub("_", str(payload.get("name", "")))[:128]
        given = redact_values(payload.get("input") or {}, self.key)
        self._add(payload, "tool_use", 1, json.dumps(given, ensure_ascii=False), tool=tool, is_json=True)
        if tool == "bash" and _FETCHES.search(json.dumps(given)):
            self.fetching.add(str(payload.get("id", "")))
        self.calls[str(payload.get("id", ""))] = (len(self.events), tool, str(payload["type"]))

    def _result(self, payload: dict[str, Any], most: int) -> None:
        call_id = str(payload.get(TOOL_RESULTS[payload["type"]], ""))
        of, tool, call_type = self.calls.get(call_id, (None, "", ""))
        text = content_text(payload.get("content"))
        if not payload.get("is_error"):
            self._add(payload, "tool_result", 0, text, tool=tool, of=of)
            return
        line = error_line(text)
        trust = 0 if call_id in self.fetching else min(most, self._error_trust(tool, call_type))
        self._add(payload, "tool_error", trust, line, tool=tool, of=of, is_error=True)
        rest = text.replace(line, "", 1).strip()
        if line and rest:
            # Only the line that names the error is the tool's word; what else was printed may be anybody's.
            self._add(payload, "tool_output", 0, rest, tool=tool, of=of)

    def _error_trust(self, tool: str, call_type: str) -> int:
        if call_type == "agent.tool_use":
            return 1
        return 1 if call_type == "agent.custom_tool_use" and tool in self.declared_tools else 0

    def _message(self, payload: dict[str, Any], is_operator: bool) -> None:
        from_person = payload["type"] in ("user.message", "system.message")
        trust = 2 if from_person and is_operator else 0
        self._add(payload, MESSAGES[payload["type"]], trust, content_text(payload.get("content")))

    def _add(
        self,
        payload: dict[str, Any],
        kind: str,
        trust: int,
        text: str,
        *,
        tool: str = "",
        of: int | None = None,
        is_error: bool = False,
        is_json: bool = False,
    ) -> None:
        longest = EVENT_SCAN_MAX_CHARS if self.left_to_scan > 0 else EVENT_TEXT_MAX_CHARS
        full = text[:longest] if is_json else redact(text[:longest], self.key)
        self.left_to_scan -= len(full)
        if not full.strip() and kind not in ("tool_use", "tool_error", "tool_result"):
            return
        limit = ERROR_TEXT_MAX_CHARS if is_error else EVENT_TEXT_MAX_CHARS
        self.events.append(
            DigestEvent(
                n=len(self.events) + 1,
                event_id=str(payload.get("id", "")),
                event_type=str(payload["type"]),
                kind=kind,
                trust=trust,
                principal=self.principal,
                text=_shortened(full, limit),
                full=full,
                tool=tool,
                of=of,
                is_error=is_error,
                at=str(payload.get("processed_at") or ""),
            )
        )


def content_text(content: Any) -> str:
    """The text of a wire content list; other blocks are named, not read."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    return "\n".join(_block_text(block) for block in content if isinstance(block, dict))


def _block_text(block: dict[str, Any]) -> str:
    if isinstance(block.get("text"), str):
        return str(block["text"])
    if block.get("type") == "search_result":
        heading = f"{block.get('title', '')} ({block.get('source', '')})"
        return "\n".join([heading, content_text(block.get("content"))])
    if block.get("type") == "document" and isinstance(block.get("source"), dict):
        return str(block["source"].get("data", "")) if block["source"].get("type") == "text" else "[document]"
    return f"[{block.get('type', 'block')}]"


def _shortened(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _bounded(events: Sequence[DigestEvent], max_chars: int) -> tuple[list[DigestEvent], bool]:
    """Shorten, first what others printed and then what the agent said, until the digest fits; errors and calls stay."""
    shown = list(events)
    total = sum(len(event.text) for event in shown)
    for kinds, limit in (
        ({"tool_result", "tool_output"}, _SHRUNK_TEXT_CHARS),
        ({"agent_message", "thread_message"}, _SHRUNK_TEXT_CHARS),
        ({"tool_result", "tool_output", "agent_message", "thread_message"}, 1),
        ({"user_message", "system_message", "tool_use"}, _SHRUNK_TEXT_CHARS),
    ):
        for i, event in enumerate(shown):
            if total <= max_chars:
                return shown, shown != list(events)
            if event.kind in kinds and len(event.text) > limit:
                total -= len(event.text) - limit
                shown[i] = replace(event, text=_shortened(event.text, limit))
    return shown, True


def render(digest: Digest, *, fence: str) -> str:
    """The transcript as a model sees it, inside a fence that no transcript can know in advance."""
    lines = [f'<transcript fence="{fence}">']
    lines += [_line(event) for event in digest.events]
    lines.append(f"</transcript {fence}>")
    return "\n".join(lines)


def _line(event: DigestEvent) -> str:
    tool = f" tool={event.tool}" if event.tool else ""
    of = f" of={event.of}" if event.of else ""
    text = _LINE_END.sub("\\\\n", event.text.replace("\r", ""))
    return f"[{event.n}] trust={event.trust} kind={event.kind}{tool}{of} | {text}"
