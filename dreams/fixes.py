"""PURE: which later call mended a failed one, and what it changed."""

import difflib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from dreams.calls import Call
from dreams.shellwords import SimpleCommand

# Looking at a file is no way of mending the program that failed on it.
_LOOKING = frozenset({
    "ls", "cat", "head", "tail", "file", "stat", "wc", "less", "xxd", "od", "hexdump", "strings", "grep", "echo",
    "which", "man", "type", "test", "find", "rm", "cp", "mv", "touch", "true", "printf", "sed", "awk", "diff",
})  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Fix:
    """What the call that worked changed: word edits for commands, argument names for others. `kept` is the share of the
    failed call that it left alone, 0 to 1."""

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
        """Whether code can word it: the edits of a command are known word by word."""
        return bool(self.edits)


def mended_calls(calls: Sequence[Call]) -> dict[int, tuple[Call, Fix]]:
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


def guesses_among(calls: Sequence[Call]) -> set[int]:
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
