"""PURE: where a claim's words came from: the earliest event that holds a literal decides, a copied wording tells."""

import re
from collections.abc import Sequence

from dreams.digest import Digest, DigestEvent
from dreams.fixes import Fix
from dreams.limits import LITERAL_SHINGLE_MIN_CHARS, TAINT_CONTAINMENT
from dreams.literals import holds, literals, quotable_texts
from dreams.shellwords import simple_commands
from dreams.shingles import containment, copies


def taint_of(text: str, digest: Digest, known: Sequence[str], events: Sequence[DigestEvent]) -> str:
    """Why the claim is not the agent's own experience: its wording or a literal came from a source without trust."""
    first = min(event.n for event in events)
    for literal in literals(text):
        if literal not in known and (origin := _untrusted_origin(literal, digest)):
            return f"`{literal[:60]}` first appears in event {origin.n} ({origin.kind})"
    prose = _prose(text, known)
    for event in digest.events:
        # What the agent says later repeats its own experience; what anybody else says is never a source.
        if event.trust > 0 or (event.is_agent_prose and event.n >= first):
            continue
        if copies(prose, event.full, TAINT_CONTAINMENT):
            return f"its wording is that of event {event.n} ({event.kind})"
    return ""


def taint_of_fix(fix: Fix, digest: Digest, manual: frozenset[int]) -> str:
    """The same for the words that code itself would write into a lesson."""
    for word in fix.added:
        if origin := _untrusted_origin(word, digest, manual):
            return f"`{word[:60]}` first appears in event {origin.n} ({origin.kind})"
    return ""


def _untrusted_origin(literal: str, digest: Digest, manual: frozenset[int] = frozenset()) -> DigestEvent | None:
    """The event without trust that brought a literal up. The agent's prose is no origin: what it made up itself is
    worth what its calls are worth, and what it copied stands in an earlier event."""
    for event in digest.events:
        if event.is_agent_prose or event.n in manual:
            continue
        if any(holds(text, literal) for text in quotable_texts(event)):
            return event if event.trust == 0 else None
        long = len(literal) >= LITERAL_SHINGLE_MIN_CHARS
        if event.trust == 0 and long and containment(literal, event.full) >= TAINT_CONTAINMENT:
            return event
    return None


def was_read_first(word: str, digest: Digest) -> bool:
    """Whether something showed the word to the agent before its own calls did: a help page, an error text, a person."""
    holders = (e for e in digest.events if not e.is_agent_prose and any(holds(t, word) for t in quotable_texts(e)))
    first = next(holders, None)
    return first is not None and first.kind != "tool_use"


def manual_pages(digest: Digest, program: str) -> frozenset[int]:
    """What the program itself printed when asked for help: as good a source for its own options as its error lines,
    though never good enough to skip a person."""
    pages = set()
    for event in digest.events:
        use = digest.event(event.of) if event.of and event.kind in ("tool_result", "tool_output") else None
        if use is not None and use.tool == "bash" and _asks_for_help(use, program):
            pages.add(event.n)
    return frozenset(pages)


def _asks_for_help(use: DigestEvent, program: str) -> bool:
    commands = [command for text in quotable_texts(use)[1:] for command in simple_commands(text)]
    if len(commands) != 1:
        return False
    words = commands[0].words[1:]
    if commands[0].program == "man":
        return words == (program,)
    return commands[0].program == program and bool(words) and set(words[-1:]) <= {"--help", "-h", "help", "-help"}


def _prose(text: str, known: Sequence[str]) -> str:
    """The claim's own wording: code spans were judged by their origin."""
    for word in known:
        text = text.replace(word, " ")
    return re.sub(r"\s+", " ", re.sub(r"`[^`]*`", " ", text)).strip()
