"""A session's log as a transcript: which events each view shows, in which shape, and each of them as HTML."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from django.template.loader import render_to_string

from agents.eventlog.wire import wire_event
from agents.models import Event, Session
from agents.views.event_words import (
    MARKS,
    REASONS,
    arguments_of,
    call_name,
    decision_of,
    deed_of,
    error_words,
    first_line,
    judgement_of,
    main_argument,
    text_of,
    what_was_found,
)

TEMPLATE = "agents/session_event.html"
BODY_MAX_CHARS = 20_000  # a tool may print 100 kB; the page shows the start and says how much is missing

TOOL_KINDS = ("agent.tool_", "agent.mcp_tool_", "agent.custom_tool_", "user.tool_", "user.custom_tool_")
STORY_KINDS = ("user.", "system.message", "agent.message", "agent.thread_", "session.error", "session.thread_created")
STORY_MARKS = frozenset(
    {"session.status_rescheduled", "session.status_terminated", "session.updated", "span.outcome_evaluation_end"}
)
QUIET = frozenset(
    {
        "session.usage",
        "session.thread_status_running",
        "session.thread_status_idle",
        "session.thread_status_rescheduled",
        "event_start",
        "event_delta",
    }
)


class View(StrEnum):
    """The ways to read a log."""

    STORY = "story"  # what was said and done, in plain sentences
    TRANSCRIPT = "transcript"
    TOOLS = "tools"  # calls, what was decided about them, and what they gave back
    EVENTS = "events"  # every event as the API gives it


def view_of(named: str) -> View:
    """The view that an address names."""
    return View(named) if named in list(View) else View.TRANSCRIPT


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRow:
    """One logged event with what is needed to show it; `event` is the wire object."""

    seq: int
    thread_id: str
    is_child: bool
    agent_name: str
    event: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What the template prints: `look` picks the shape, `text` is said aloud, `fold` opens on demand."""

    look: str  # user | agent | call | result | error | mark | request | raw
    anchor: str
    seq: int
    is_child: bool
    who: str
    text: str
    summary: str
    fold: str
    cut: int
    is_error: bool
    at: datetime | None


class Lanes:
    """The threads of a session by id, kept up to date by the events that open new ones."""

    def __init__(self, primary: str, names: Mapping[str, str]) -> None:
        self.primary = primary
        self.names = dict(names)

    def row(self, *, thread_id: str, seq: int, event: Mapping[str, Any]) -> EventRow:
        """The event as a row that can be rendered without any further query."""
        if event["type"] == "session.thread_created":
            self.names[event["session_thread_id"]] = event.get("agent_name", "")
        return EventRow(
            seq=seq,
            thread_id=thread_id,
            is_child=thread_id != self.primary,
            agent_name=self.names.get(thread_id, ""),
            event=event,
        )


def lanes_of(session_id: str) -> Lanes:
    """The session's threads; one query."""
    threads = list(Session.objects.get(pk=session_id).threads.order_by("created_at", "pk"))
    primary = next((thread.pk for thread in threads if thread.parent_id is None), "")
    return Lanes(primary, {thread.pk: thread.agent_name for thread in threads})


def rows_of(events: Iterable[Event], lanes: Lanes) -> list[EventRow]:
    """Logged events as rows."""
    return [lanes.row(thread_id=event.thread_id, seq=event.seq, event=wire_event(event)) for event in events]


def render_event(row: EventRow, view: View = View.TRANSCRIPT) -> str:
    """One event as HTML, the same for the page and for the stream; empty for events that say nothing to a person."""
    shown = show(row, view)
    return render_to_string(TEMPLATE, {"event": shown}).strip() if shown else ""


def show_all(rows: Iterable[EventRow], view: View = View.TRANSCRIPT) -> Iterator[Shown]:
    """The rows that a person wants to see."""
    return (shown for row in rows if (shown := show(row, view)))


def show(row: EventRow, view: View = View.TRANSCRIPT) -> Shown | None:
    """What a person sees of one event; None for what has no place in the view: bookkeeping, unless every event is
    asked for, and a child's call that is repeated on the primary."""
    kind = row.event["type"]
    if view == View.EVENTS:
        return _shown(row, ("raw", "", kind, row.event["id"], json.dumps(row.event, indent=2, ensure_ascii=False)))
    is_copy = not row.is_child and kind.startswith(("agent.tool", "agent.mcp")) and "session_thread_id" in row.event
    if kind in QUIET or is_copy or (view == View.TOOLS and not kind.startswith(TOOL_KINDS)):
        return None
    parts = _story_parts(row, kind) if view == View.STORY else _parts(row, kind)
    return _shown(row, parts) if parts else None


type Parts = tuple[str, str, str, str, str]  # look, who, text, summary, fold


def _shown(row: EventRow, parts: Parts) -> Shown:
    look, who, text, summary, fold = parts
    return Shown(
        look=look,
        anchor=row.event["id"],
        seq=row.seq,
        is_child=row.is_child,
        who=who,
        text=text[:BODY_MAX_CHARS],
        summary=first_line(summary),
        fold=fold[:BODY_MAX_CHARS],
        cut=max(0, len(fold) - BODY_MAX_CHARS, len(text) - BODY_MAX_CHARS),
        is_error=bool(row.event.get("is_error")) or row.event["type"] == "session.error",
        at=_moment(row.event.get("processed_at")),
    )


def _story_parts(row: EventRow, kind: str) -> Parts | None:
    """What happened in plain sentences; what a sub-agent does is told by what it reports."""
    if row.is_child:
        return None
    if kind.endswith("tool_use"):
        return "mark", "", deed_of(row.event), "", ""
    if kind.endswith("tool_result"):
        failed = first_line(text_of(row.event.get("content"))) or "no reason given"
        return ("mark", "", f"That failed: {failed}", "", "") if row.event.get("is_error") else None
    reason = (row.event.get("stop_reason") or {}).get("type")
    is_told = kind in STORY_MARKS or (kind == "session.status_idle" and reason != "end_turn")
    return _parts(row, kind) if is_told or kind.startswith(STORY_KINDS) else None


def _parts(row: EventRow, kind: str) -> Parts:
    event, agent = row.event, _speaker(row)
    if kind in ("user.message", "system.message"):
        return "user", "user" if kind == "user.message" else "system", text_of(event.get("content")), "", ""
    if kind == "agent.message":
        return "agent", agent, text_of(event.get("content")), "", ""
    if kind in ("agent.tool_use", "agent.custom_tool_use", "agent.mcp_tool_use"):
        arguments = event.get("input") or {}
        said = [arguments_of(arguments), judgement_of(event)]
        return (
            "call",
            agent if row.is_child else "",
            call_name(event),
            main_argument(arguments),
            "\n\n".join(part for part in said if part),
        )
    if kind.endswith("tool_result"):
        text = text_of(event.get("content"))
        return "result", "", _result_word(event), what_was_found(event.get("content")) or text or "no output", text
    if kind.startswith("span."):
        return _span_parts(event, kind)
    return _other_parts(row, kind)


def _speaker(row: EventRow) -> str:
    """Threads of sub-agents go by name, the session's own agent needs none."""
    return (row.agent_name or "sub-agent") if row.is_child else "agent"


def _span_parts(event: Mapping[str, Any], kind: str) -> Parts:
    if kind == "span.model_request_start":
        return "request", "", "Model request", "", ""
    if kind == "span.model_request_end":
        usage = event.get("model_usage") or {}
        words = f"{usage.get('input_tokens', 0):,} tokens in, {usage.get('output_tokens', 0):,} out"
        return "mark", "", "Model request ended without an answer" if event.get("is_error") else words, "", ""
    if kind == "span.outcome_evaluation_end":
        return "mark", "grader", f"Outcome: {event.get('result')}. {event.get('explanation', '')}", "", ""
    return "mark", "grader", "Outcome is being graded", "", ""


def _other_parts(row: EventRow, kind: str) -> Parts:
    event = row.event
    if kind == "session.error":
        error = event.get("error") or {}
        return "error", "error", error_words(error), "", json.dumps(error, indent=2)
    if kind == "user.define_outcome":
        return "user", "user", f"Outcome wanted: {event.get('description', '')}", "", text_of(event.get("rubric"))
    if kind == "user.tool_confirmation":
        return "mark", "user", decision_of(event), "", ""
    if kind.startswith("agent.thread_message_"):
        return "agent", _speaker(row), text_of(event.get("content")), "", ""
    if kind == "session.thread_created":
        return "mark", "", f"Thread opened for {event.get('agent_name') or 'a sub-agent'}", "", ""
    words = MARKS.get(kind, kind.replace("_", " ").replace(".", ": "))
    return "mark", "", REASONS.get((event.get("stop_reason") or {}).get("type", ""), words), "", ""


def _result_word(event: Mapping[str, Any]) -> str:
    return "failed" if event.get("is_error") else "result"


def _moment(stamp: str | None) -> datetime | None:
    return datetime.fromisoformat(stamp) if stamp else None
