"""PURE: what code alone finds in a digest: errors by signature, failed calls that a later call mended, corrections by
people, repeated runs of tools, duplicates in a store."""

import difflib
import json
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from dreams.digest import Digest, DigestEvent
from dreams.entries import WHOLE_FILE, Entry
from dreams.limits import (
    NEAR_DUPLICATE_JACCARD,
    SEQUENCE_HINTS_MAX,
    SEQUENCE_SESSIONS_MIN,
    SEQUENCE_SHARE_MIN,
)
from dreams.shellwords import SimpleCommand, file_scope, simple_commands
from dreams.shingles import jaccard
from dreams.signatures import signature

_PATH_ARGUMENTS = ("file_path", "path", "file", "filename")
# Looking at a file is no way of mending the program that failed on it.
_LOOKING = frozenset({
    "ls", "cat", "head", "tail", "file", "stat", "wc", "less", "xxd", "od", "hexdump", "strings", "grep", "echo",
    "which", "man", "type", "test", "find", "rm", "cp", "mv", "touch", "true", "printf", "sed", "awk", "diff",
})  # fmt: skip
_CORRECTION = re.compile(
    r"\b(?:always|never|please (?:do not|don't)|do not|don't|from now on|in future|instead of|use .{1,60}\bnot\b"
    r"|prefer|make sure|remember)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fix:
    """What the call that worked changed: word edits for commands, argument names for others."""

    edits: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = ()  # (add | replace | drop, old words, new words)
    changed: tuple[str, ...] = ()
    kept: float = 0.0

    @property
    def removed(self) -> tuple[str, ...]:
        return tuple(word for _, old, _ in self.edits for word in old)

    @property
    def added(self) -> tuple[str, ...]:
        return tuple(word for _, _, new in self.edits for word in new)

    @property
    def is_typed(self) -> bool:
        return bool(self.edits)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    n: int
    tool: str
    program: str  # what an entry names: the program of a command, else the tool
    scope: str
    words: tuple[str, ...]
    arguments: Mapping[str, Any] = field(default_factory=dict)
    target: str = ""
    error: int | None = None  # event number of the error line
    result: int | None = None
    signature: str = ""

    @property
    def failed(self) -> bool:
        return self.error is not None

    @property
    def key(self) -> tuple[str, str, str]:
        return (self.tool, self.program, self.scope)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hint:
    """One finding. `error`: a failed call; `fixed`: a failed call, its error and the call that worked;
    `correction`: a person's wish; `sequence`: a run of tools that many sessions share."""

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


def calls_of(digest: Digest) -> list[Call]:
    """Every finished tool call of a digest with its outcome."""
    outcomes: dict[int, DigestEvent] = {}
    for event in digest.events:
        if event.of is not None and event.kind in ("tool_result", "tool_error"):
            outcomes.setdefault(event.of, event)
    return [
        _call(event, outcomes[event.n]) for event in digest.events if event.kind == "tool_use" and event.n in outcomes
    ]


def _call(use: DigestEvent, outcome: DigestEvent) -> Call:
    arguments = _arguments(use.full)
    error = outcome.n if outcome.is_error else None
    command = arguments.get("command")
    if use.tool == "bash" and isinstance(command, str) and (found := _failing_command(command, outcome)):
        program, scope, words, target = found.program, found.scope, found.words, found.target
    else:
        target = next((arguments[name] for name in _PATH_ARGUMENTS if isinstance(arguments.get(name), str)), "")
        program, scope, words = use.tool, file_scope(target), ()
    return Call(
        n=use.n,
        tool=use.tool,
        program=program,
        scope=scope,
        words=words,
        arguments=arguments,
        target=target,
        error=error,
        result=outcome.n,
        signature=signature(outcome.full) if error else "",
    )


def _arguments(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _failing_command(command: str, outcome: DigestEvent) -> SimpleCommand | None:
    """The simple command that the outcome speaks of: the one that the error names, else the last with a file."""
    commands = simple_commands(command)
    if not commands:
        return None
    if outcome.is_error:
        named = [c for c in commands if re.match(rf"(?:\S*/)?{re.escape(c.program)}\b", outcome.full)]
        if named:
            return named[-1]
    return next((c for c in reversed(commands) if c.scope), commands[-1])


def mine(digest: Digest) -> list[Hint]:
    """The hints of one session, in the order of its events. What mended a command counts only where the session did its
    job; that a call worked with other arguments is told of any session, for people to judge."""
    calls = calls_of(digest)
    mended = _mended([call for call in calls if not (digest.is_failed and call.words)])
    guesses = _guesses(calls)
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


def _mended(calls: Sequence[Call]) -> dict[int, tuple[Call, Fix]]:
    """Failed call number -> the call that worked and what it changed. Of a streak of failed commands only the first is
    paired, since the tries between are guesses; calls with named arguments are each paired."""
    found: dict[int, tuple[Call, Fix]] = {}
    open_failures: dict[tuple[str, str, str], list[Call]] = defaultdict(list)
    for call in calls:
        if call.failed:
            open_failures[call.key].append(call)
            continue
        failures = open_failures.pop(call.key, [])
        if not failures and call.words:
            failures = _failures_of_another_program(open_failures, call)
        for failed in failures[:1] if call.words else _first_of_each_signature(failures):
            fix = difference(failed, call)
            if fix is not None:
                found[failed.n] = (call, fix)
    return found


def _failures_of_another_program(open_failures: Mapping[tuple[str, str, str], list[Call]], call: Call) -> list[Call]:
    if call.program in _LOOKING or not call.target:
        return []
    return [
        failed
        for failures in open_failures.values()
        for failed in failures[:1]
        if failed.words and failed.target == call.target and failed.words[1:] == call.words[1:]
    ]


def _first_of_each_signature(failures: Iterable[Call]) -> list[Call]:
    return list({call.signature: call for call in reversed(list(failures))}.values())


def _guesses(calls: Sequence[Call]) -> set[int]:
    """Failed commands that repeat an earlier failure of the streak or only try other words: attempts, no new case."""
    guesses: set[int] = set()
    first: dict[tuple[str, str, str], Call] = {}
    for call in calls:
        if not call.words:
            continue
        before = first.get(call.key)
        if not call.failed:
            first.pop(call.key, None)
        elif before is None:
            first[call.key] = call
        elif before.signature == call.signature or set(call.words) - set(before.words):
            guesses.add(call.n)
    return guesses


def difference(failed: Call, worked: Call) -> Fix | None:
    """What the call that worked changed, or None where nothing (the fault was passing) or too much changed."""
    if failed.words and worked.words:
        return _word_difference(failed, worked)
    before, after = failed.arguments, worked.arguments
    names = sorted(set(before) | set(after))
    changed = tuple(name for name in names if before.get(name) != after.get(name))
    kept = 1 - len(changed) / len(names) if names else 0.0
    return Fix(changed=changed, kept=kept) if changed and kept >= 0.5 else None


def _word_difference(failed: Call, worked: Call) -> Fix | None:
    before, after = _masked(failed), _masked(worked)
    matcher = difflib.SequenceMatcher(a=before, b=after, autojunk=False)
    verbs = {"insert": "add", "delete": "drop", "replace": "replace"}
    edits = tuple(
        (verbs[tag], tuple(before[i:j]), tuple(after[k:m]))
        for tag, i, j, k, m in matcher.get_opcodes()
        if tag != "equal"
    )
    kept = sum(block.size for block in matcher.get_matching_blocks()) / max(1, len(before))
    fix = Fix(edits=edits, kept=kept)
    names_files = any(word.startswith("*.") or word == "<path>" for word in (*fix.added, *fix.removed))
    return fix if edits and kept > 0 and not names_files else None


def _masked(call: Call) -> list[str]:
    return list(SimpleCommand(program=call.program, words=call.words).masked)


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


def duplicate_key(entry: Entry) -> str:
    """Equal for entries that say the same: case and width do not count outside code, bullets and full stops never."""
    pieces = re.split(r"(`[^`]*`)", entry.body)
    plain = [p if p.startswith("`") else unicodedata.normalize("NFKC", p).casefold() for p in pieces]
    return re.sub(r"\s+", " ", "".join(plain)).strip(" .;,-")


def duplicates(entries: Iterable[Entry]) -> list[list[Entry]]:
    """Groups of entries that say exactly the same, the one to keep first."""
    groups: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        if not entry.id.startswith(WHOLE_FILE):
            groups[duplicate_key(entry)].append(entry)
    return [sorted(group, key=lambda e: (e.path, e.id)) for group in groups.values() if len(group) > 1]


def near_duplicates(entries: Sequence[Entry]) -> list[tuple[Entry, Entry]]:
    """Pairs that read alike; they are shown to a model and a person, never merged by code."""
    kept = [entry for entry in entries if not entry.id.startswith(WHOLE_FILE)]
    return [
        (one, other)
        for i, one in enumerate(kept)
        for other in kept[i + 1 :]
        if one.kind == other.kind
        and duplicate_key(one) != duplicate_key(other)
        and jaccard(one.body, other.body) >= NEAR_DUPLICATE_JACCARD
    ]
