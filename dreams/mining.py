"""PURE: what code alone finds in a digest, as hints: errors by signature, failed calls that a later call mended, wishes
of people, runs of tools that sessions share."""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from dreams.calls import calls_of
from dreams.digest import Digest
from dreams.fixes import Fix, guesses_among, mended_calls
from dreams.limits import (
    SEQUENCE_HINTS_MAX,
    SEQUENCE_SESSIONS_MIN,
    SEQUENCE_SHARE_MIN,
)

_CORRECTION = re.compile(
    r"\b(?:always|never|please (?:do not|don't)|do not|don't|from now on|in future|instead of|use .{1,60}\bnot\b"
    r"|prefer|make sure|remember)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hint:
    """One finding, with the numbers of the events that show it. `error`: a failed call and its error; `fixed`: those
    and the call that worked; `correction`: a person's wish; `sequence`: a run of tools that many sessions share."""

    hint: str
    events: tuple[int, ...]
    tool: str = ""
    program: str = ""
    scope: str = ""
    signature: str = ""
    fix: Fix | None = None
    tools: tuple[str, ...] = ()

    @property
    def error(self) -> int:
        """The event with the error of a failed call."""
        return self.events[1]

    def to_wire(self) -> dict[str, Any]:
        """The hint as the model sees it: one JSON object."""
        base: dict[str, Any] = {"hint": self.hint}
        if self.hint == "error":
            base |= {"failed": self.events[0], "eid": self.error}
        elif self.hint == "fixed":
            base |= {"failed": self.events[0], "error": self.error, "succeeded": self.events[2]}
        elif self.hint == "sequence":
            base |= {"eids": list(self.events), "tools": list(self.tools)}
        else:
            base |= {"eid": self.events[0]}
        if self.hint in ("error", "fixed"):
            base |= {"tool": self.tool, "program": self.program, "scope": self.scope, "signature": self.signature}
        if self.fix is not None:
            base |= {
                "removed": list(self.fix.removed),
                "added": list(self.fix.added),
                "changed": list(self.fix.changed),
            }
        return base


def mine(digest: Digest) -> list[Hint]:
    """The hints of one session, in the order of its events. What mended a command counts only where the session did its
    job; that a call worked with other arguments is told of any session, for people to judge."""
    calls = calls_of(digest)
    mended = mended_calls([call for call in calls if not (digest.is_failed and call.words)])
    guesses = guesses_among(calls)
    hints: list[Hint] = []
    for call in calls:
        if call.error is None or call.n in guesses:
            continue
        hint = Hint(
            hint="error",
            events=(call.n, call.error),
            tool=call.tool,
            program=call.program,
            scope=call.scope,
            signature=call.signature,
        )
        if call.n in mended:
            later, fix = mended[call.n]
            hint = replace(hint, hint="fixed", events=(*hint.events, later.n), fix=fix)
        hints.append(hint)
    return [*hints, *_corrections(digest)]


def _corrections(digest: Digest) -> list[Hint]:
    return [
        Hint(hint="correction", events=(event.n,))
        for event in digest.events
        if event.kind == "user_message" and event.trust == 2 and _CORRECTION.search(event.full)
    ]


def shared_sequences(digests: Sequence[Digest]) -> dict[str, list[Hint]]:
    """Session id -> the runs of 3 to 6 different tools which many sessions that did their job share."""
    done = [digest for digest in digests if not digest.is_failed]
    places: dict[tuple[str, ...], dict[str, tuple[int, ...]]] = defaultdict(dict)
    for digest in done:
        calls = [call for call in calls_of(digest) if not call.failed]
        for size in range(3, 7):
            for i in range(len(calls) - size + 1):
                run = calls[i : i + size]
                tools = tuple(call.program for call in run)
                if len(set(tools)) == size:
                    places[tools].setdefault(digest.session_id, tuple(call.n for call in run))
    needed = max(SEQUENCE_SESSIONS_MIN, SEQUENCE_SHARE_MIN * len(done))
    frequent = {tools: found for tools, found in places.items() if len(found) >= needed}
    longest = [t for t in frequent if not any(_is_part(t, other) for other in frequent if other != t)]
    longest.sort(key=lambda tools: (-len(frequent[tools]), tools))
    hints: dict[str, list[Hint]] = defaultdict(list)
    for tools in longest[:SEQUENCE_HINTS_MAX]:
        for session_id, events in frequent[tools].items():
            hints[session_id].append(Hint(hint="sequence", events=events, tools=tools))
    return dict(hints)


def _is_part(short: tuple[str, ...], long: tuple[str, ...]) -> bool:
    return any(long[i : i + len(short)] == short for i in range(len(long) - len(short) + 1))
