"""PURE: the grammar of memory entries: which of them speak of a call, and what they say to change in it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from .command_lines import Edit, split

ENTRY = re.compile(r"\bwhen\b(?P<when>.*?)→(?P<action>.*)$", re.IGNORECASE)
LITERAL = re.compile(r"`([^`]+)`")
EXCEPTION = re.compile(r"\b(?:except|unless|but not|not)\b", re.IGNORECASE)
ACTION = re.compile(
    r"(?<!not )(?<!never )\b"
    r"(?:add `(?P<added>[^`]+)`|replace `(?P<old>[^`]+)` with `(?P<new>[^`]+)`|drop `(?P<gone>[^`]+)`)",
    re.IGNORECASE,
)
EVIDENCE = re.compile(r";\s*without it\b.*$", re.IGNORECASE)
INDEXED_FILE = re.compile(r"/?([\w.-]+(?:/[\w.-]+)*\.md)\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry that can be followed: the literals of its condition, the ones it excepts, and its edits."""

    text: str
    literals: tuple[str, ...]
    exceptions: tuple[str, ...]
    edits: tuple[Edit, ...]


def entries_in(text: str) -> Iterator[Entry]:
    """The entries of a file, or of lines that a search found, that name a condition and an executable action."""
    for line in text.splitlines():
        found = ENTRY.search(line)
        edits = edits_in(found["action"]) if found else ()
        if found and edits:
            scope, *excepted = EXCEPTION.split(found["when"], maxsplit=1)
            yield Entry(
                text=found[0].strip(),
                literals=tuple(LITERAL.findall(scope)),
                exceptions=tuple(LITERAL.findall(" ".join(excepted))),
                edits=edits,
            )


def edits_in(action: str) -> tuple[Edit, ...]:
    edits = []
    for found in ACTION.finditer(EVIDENCE.sub("", action)):
        removed, added = found["old"] or found["gone"] or "", found["added"] or found["new"] or ""
        edits.append(Edit(removed=tuple(split(removed)), added=tuple(split(added))))
    return tuple(edits)


def speaks_of(entry: Entry, call: tuple[str, ...]) -> bool:
    """True where every literal of the condition shows in the call, at least one names the program, none is excepted."""
    matched = [_matches(literal, call) for literal in entry.literals]
    if "program" not in matched or "" in matched:
        return False
    return not any(_matches(literal, call) == "target" for literal in entry.exceptions)


def _matches(literal: str, call: tuple[str, ...]) -> str:
    named = (PurePosixPath(call[0]).name, *call[1:])
    tokens = split(literal)
    if tokens and (PurePosixPath(tokens[0]).name, *tokens[1:]) == named[: len(tokens)]:
        return "program"
    target = call[-1]
    is_target = fnmatchcase(target, literal) or fnmatchcase(PurePosixPath(target).name, literal)
    return "target" if is_target else ""


def indexed_files(index: str, words: frozenset[str]) -> list[str]:
    """The paths that an index lists on lines which hold one of the words."""
    files = []
    for line in index.splitlines():
        if words & frozenset(re.findall(r"\w+", line)):
            files += [f"/{path}" for path in INDEXED_FILE.findall(line)]
    return list(dict.fromkeys(files))
