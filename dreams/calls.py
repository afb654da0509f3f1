"""PURE: the finished tool calls of a digest: what was called on which files, and how each ended."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dreams.digest import Digest, DigestEvent
from dreams.shellwords import SimpleCommand, file_scope, simple_commands
from dreams.signatures import signature

_PATH_ARGUMENTS = ("file_path", "path", "file", "filename")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call, by the number of its event. `words` are those of a command, `arguments` those of any tool; `error` is the
    number of the event that says how it failed, and `signature` that error without what varies."""

    n: int
    tool: str
    program: str  # what an entry names: the program of a command, else the tool
    scope: str
    words: tuple[str, ...]
    arguments: Mapping[str, Any] = field(default_factory=dict)
    target: str = ""
    error: int | None = None
    signature: str = ""

    @property
    def failed(self) -> bool:
        return self.error is not None

    @property
    def key(self) -> tuple[str, str, str]:
        """Calls with the same key are tries at the same thing."""
        return (self.tool, self.program, self.scope)


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
