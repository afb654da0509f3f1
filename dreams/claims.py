"""PURE: what code lets through of what a model claims about a session: each claim with its quotes, trust and case."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from dreams.digest import Digest, DigestEvent
from dreams.fixes import Fix
from dreams.forced_calls import first_problem
from dreams.limits import (
    CITES_PER_CLAIM_MAX,
    CLAIM_TEXT_MAX_CHARS,
    CLAIMS_PER_SESSION_MAX,
    QUOTE_MAX_CHARS,
)
from dreams.literals import find_quote, holds, literals, quotable_texts
from dreams.map_request import CiteIn, ClaimIn
from dreams.mining import Hint
from dreams.origins import manual_pages, taint_of, taint_of_fix, was_read_first
from dreams.redaction import without_placeholders
from dreams.wording import edits_in_words, where


@dataclass(frozen=True, slots=True, kw_only=True)
class Cited:
    """A quote that code found, letter for letter, in that event."""

    session_id: str
    event_id: str
    event_type: str
    n: int
    quote: str
    speaker: str
    trust: int
    principal: str
    at: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A verified claim. Tool, scope, signature and fix come from what code mined in the cited events, never from the
    model; `trust` is the lowest of its cites and of the origins of its literals."""

    id: str
    session_id: str
    principal: str
    kind: str
    when: str
    text: str
    cited: tuple[Cited, ...]
    trust: int
    tainted_by: str = ""  # what the claim's wording or a literal of it was taken from
    tool: str = ""
    program: str = ""
    scope: str = ""
    signature: str = ""
    error_line: str = ""
    fix: Fix | None = None
    tools: tuple[str, ...] = ()
    at: str = ""
    touches: tuple[str, ...] = ()
    is_suggested: bool = False  # the words of its fix were read somewhere before the agent used them

    @property
    def is_tainted(self) -> bool:
        return bool(self.tainted_by)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """A claim or operation that code did not let through, and why."""

    what: str
    why: str


def verify(raw: Sequence[Any], digest: Digest, hints: Sequence[Hint]) -> tuple[list[Claim], list[Dropped]]:
    """Check every claim of a session against its digest; what cannot be shown is dropped with the reason."""
    kept: list[Claim] = []
    dropped: list[Dropped] = []
    for i, item in enumerate(raw):
        label = f"claim {i + 1}"
        if i >= CLAIMS_PER_SESSION_MAX:
            dropped.append(Dropped(what=label, why=f"more than {CLAIMS_PER_SESSION_MAX} claims in one session"))
            continue
        try:
            kept.append(_verified(f"{digest.session_id}#{i + 1}", ClaimIn.model_validate(item), digest, hints))
        except ValidationError as error:
            dropped.append(Dropped(what=label, why=f"form: {first_problem(error)}"))
        except Refused as refused:
            dropped.append(Dropped(what=label, why=str(refused)))
    return kept, dropped


class Refused(Exception):
    """A claim or operation that must not go further; the text says why."""


def _verified(claim_id: str, given: ClaimIn, digest: Digest, hints: Sequence[Hint]) -> Claim:
    when, text = given.when.strip(), given.claim.strip()
    if not when or not text:
        raise Refused("it does not say when, or what")
    if len(when) + len(text) > CLAIM_TEXT_MAX_CHARS:
        raise Refused(f"longer than {CLAIM_TEXT_MAX_CHARS} characters")
    if not given.cites:
        raise Refused("no cite")
    if len(given.cites) > CITES_PER_CLAIM_MAX:
        raise Refused(f"more than {CITES_PER_CLAIM_MAX} cites")
    cited = tuple(dict.fromkeys(_cited(cite, digest) for cite in given.cites))
    events = [event for cite in cited if (event := digest.event(cite.n)) is not None]
    hint = _hint_of(given.kind, events, hints)
    fix = hint.fix if hint and hint.hint == "fixed" else None
    if hint is not None and fix is not None and fix.is_typed:
        # Code words a typed lesson; whatever the model wrote about it goes no further.
        when, text = where(hint.program, hint.scope), edits_in_words(fix)
        taint = taint_of_fix(fix, digest, manual_pages(digest, hint.program))
    else:
        known = _known_words(hint)
        _refuse_novel(literals(f"{when} {text}"), events, known)
        taint = taint_of(f"{when} {text}", digest, known, events)
    return Claim(
        id=claim_id,
        session_id=digest.session_id,
        principal=digest.principal,
        kind=_kind(given.kind, hint),
        when=when,
        text=text,
        cited=cited,
        trust=0 if taint else min(cite.trust for cite in cited),
        tainted_by=taint,
        tool=hint.tool if hint else "",
        program=hint.program if hint else "",
        scope=hint.scope if hint else "",
        signature=hint.signature if hint else "",
        error_line=_error_line(hint, digest),
        fix=fix,
        tools=hint.tools if hint else (),
        at=digest.ended_at,
        touches=tuple(given.touches[:8]),
        is_suggested=any(was_read_first(word, digest) for word in (fix.added if fix else ())),
    )


def _kind(claimed: str, hint: Hint | None) -> str:
    """A workaround must rest on a mined pair of commands; a mended call with other arguments stays a pitfall."""
    if hint is not None and hint.hint == "fixed":
        return "workaround" if hint.fix is not None and hint.fix.is_typed else "pitfall"
    if claimed == "workaround":
        return "pitfall" if hint is not None and hint.hint == "error" else "fact"
    return claimed


def _cited(cite: CiteIn, digest: Digest) -> Cited:
    if cite.sid != digest.session_id:
        raise Refused(f"cites the session {cite.sid[:64]!r}, which is not the one it was given")
    event = digest.event(cite.eid)
    if event is None:
        raise Refused(f"cites event {cite.eid}, which does not exist")
    if len(cite.quote) > QUOTE_MAX_CHARS:
        raise Refused(f"a quote is longer than {QUOTE_MAX_CHARS} characters")
    found = find_quote(cite.quote, event)
    quote = without_placeholders(found) if found else None
    if quote is None:
        raise Refused(f"the quote {cite.quote[:60]!r} is not in event {cite.eid}")
    return Cited(
        session_id=digest.session_id,
        event_id=event.event_id,
        event_type=event.event_type,
        n=event.n,
        quote=quote,
        speaker=f"{event.kind} {event.tool}".strip(),
        trust=event.trust,
        principal=event.principal,
        at=event.at,
    )


def _refuse_novel(found: Sequence[str], events: Sequence[DigestEvent], known: Sequence[str]) -> None:
    texts = [text for event in events for text in quotable_texts(event)]
    for literal in found:
        if literal not in known and not any(holds(text, literal) for text in texts):
            raise Refused(f"the literal {literal[:60]!r} stands in none of the cited events")


def _hint_of(kind: str, events: Sequence[DigestEvent], hints: Sequence[Hint]) -> Hint | None:
    """The mined finding that the cited events show: a mended call wants both its error and the call that worked."""
    numbers = {event.n for event in events}
    mended = [h for h in hints if h.hint == "fixed" and {h.error, h.events[2]} <= numbers]
    failed = [h for h in hints if h.hint in ("fixed", "error") and h.error in numbers]
    runs = [h for h in hints if h.hint == "sequence" and set(h.events) <= numbers]
    if kind == "workflow":
        return runs[0] if runs else None
    if kind in ("preference", "fact"):
        return None
    if mended:
        return mended[0]
    # An error alone proves only that it happens.
    return _as_error(failed[0]) if failed else None


def _as_error(hint: Hint) -> Hint:
    return Hint(
        hint="error",
        events=hint.events[:2],
        tool=hint.tool,
        program=hint.program,
        scope=hint.scope,
        signature=hint.signature,
    )


def _error_line(hint: Hint | None, digest: Digest) -> str:
    event = digest.event(hint.error) if hint is not None and hint.hint in ("error", "fixed") else None
    return event.full if event else ""


def _known_words(hint: Hint | None) -> list[str]:
    """What code itself put into the hint and a claim may therefore name."""
    if hint is None:
        return []
    words = [hint.tool, hint.program, hint.scope, hint.signature, *hint.tools]
    if hint.fix is not None:
        # Words that are taken out bring nothing in, wherever they came from.
        words += [*hint.fix.removed, " ".join(hint.fix.removed), *hint.fix.changed]
    return [word for word in words if word]
