"""PURE: two texts in, blocks of a word diff out, for review, memory history and versions of agents."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum

SAME_PAIR_DICE = 0.6  # two blocks with this share of common words are one block that was edited
REWRITTEN_SHARE = 0.6  # above this share of changed words a word diff reads as confetti
CONTEXT_BLOCKS = 2  # unchanged blocks kept on either side of a change
MOVED_MIN_WORDS = 3  # shorter blocks repeat by chance, "moved" would be a guess
LONG_LINES = 60  # about two screens; what is longer scrolls by itself where something else stands below
LINE_CHARS = 70  # a column of the review page
PAIRING_LIMIT = 300  # blocks on one side of a region; pairing 300 x 300 takes a third of a second

WORD = re.compile(r"\s+|--?\w[\w-]*|\w+(?:[./:@_'’-]\w+)*|[^\w\s]")
ENTRY_ID = re.compile(r"^\s*[-*] \[([a-z]-[a-z0-9]{4,6})\]")
OWN_LINE = re.compile(r"^\s*(?:[-*+] |\d+[.)] |#{1,6} |```|~~~|\|)")


class Kind(StrEnum):
    """What happened to a span or a block."""

    SAME = "same"
    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"  # word diff inside the block
    REWRITTEN = "rewritten"  # old block, then new block
    MOVED_AWAY = "moved-away"
    MOVED_HERE = "moved-here"


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A run of words of one kind."""

    kind: Kind
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One paragraph or list item, with the line numbers it starts at (None where it does not exist)."""

    kind: Kind
    spans: tuple[Span, ...]
    old_line: int | None
    new_line: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hunk:
    """Consecutive blocks; a folded hunk is unchanged text that may stay closed."""

    blocks: tuple[Block, ...]
    folded: bool

    @property
    def line_count(self) -> int:
        """Lines of text that a closed fold hides."""
        return sum(span.text.count("\n") + 1 for block in self.blocks for span in block.spans)


@dataclass(frozen=True, slots=True, kw_only=True)
class Diff:
    """The whole comparison; only_spacing means that blank lines or the last newline differ, no word does."""

    hunks: tuple[Hunk, ...]
    added_words: int
    removed_words: int
    only_spacing: bool

    @property
    def is_empty(self) -> bool:
        """Whether the two texts are equal."""
        return not self.only_spacing and not self.added_words and not self.removed_words and not self._has_change

    @property
    def lines(self) -> int:
        """About how many lines the page draws, closed folds left out."""
        shown = (block for hunk in self.hunks if not hunk.folded for block in hunk.blocks)
        return sum(1 + sum(len(span.text) for span in block.spans) // LINE_CHARS for block in shown)

    @property
    def is_long(self) -> bool:
        """Whether it would push everything else out of sight."""
        return self.lines > LONG_LINES

    @property
    def _has_change(self) -> bool:
        return any(block.kind is not Kind.SAME for hunk in self.hunks for block in hunk.blocks)


@dataclass(frozen=True, slots=True)
class _Part:
    text: str
    line: int

    @property
    def words(self) -> list[str]:
        return _words(self.text)

    @property
    def entry_id(self) -> str | None:
        match = ENTRY_ID.match(self.text)
        return match[1] if match else None


def compare(old: str, new: str) -> Diff:
    """Align blocks, pair the edited ones, and diff words inside pairs."""
    blocks = list(_aligned(_split(old), _split(new)))
    blocks = _mark_moved(blocks)
    added = sum(_count(block, Kind.ADDED) for block in blocks)
    removed = sum(_count(block, Kind.REMOVED) for block in blocks)
    quiet = all(block.kind is Kind.SAME or not _has_words(block) for block in blocks)
    return Diff(
        hunks=tuple(_fold(blocks)),
        added_words=added,
        removed_words=removed,
        only_spacing=old != new and quiet,
    )


def count_words(old: str, new: str) -> tuple[int, int]:
    """Words added and removed, for the small bars of a list."""
    before, after = Counter(_words(old)), Counter(_words(new))
    return (after - before).total(), (before - after).total()


def _split(text: str) -> list[_Part]:
    parts: list[_Part] = []
    in_code = False
    open_paragraph = False
    for number, line in enumerate(text.splitlines(), start=1):
        fence = line.lstrip().startswith(("```", "~~~"))
        joins = open_paragraph and not in_code and not OWN_LINE.match(line) and line.strip()
        if joins and parts:
            parts[-1] = _Part(f"{parts[-1].text}\n{line}", parts[-1].line)
        else:
            parts.append(_Part(line, number))
        in_code ^= fence
        open_paragraph = bool(line.strip()) and not in_code and not fence and not line.startswith("#")
    return parts


def _aligned(old: Sequence[_Part], new: Sequence[_Part]) -> Iterator[Block]:
    matcher = SequenceMatcher(None, [part.text for part in old], [part.text for part in new], autojunk=False)
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        if tag == "equal":
            yield from (_same(a, b) for a, b in zip(old[i1:i2], new[j1:j2], strict=True))
        else:
            yield from _changed_region(old[i1:i2], new[j1:j2])


def _changed_region(old: Sequence[_Part], new: Sequence[_Part]) -> Iterator[Block]:
    partner = _pairs(old, new)
    done = 0
    for position, part in enumerate(new):
        if position not in partner:
            yield _whole(part, Kind.ADDED)
            continue
        yield from (_whole(old[index], Kind.REMOVED) for index in range(done, partner[position]))
        yield _edited(old[partner[position]], part)
        done = partner[position] + 1
    yield from (_whole(part, Kind.REMOVED) for part in old[done:])


def _pairs(old: Sequence[_Part], new: Sequence[_Part]) -> dict[int, int]:
    """Position in new -> position in old, in order on both sides; the same entry id always belongs together."""
    if len(old) > PAIRING_LIMIT or len(new) > PAIRING_LIMIT:
        return {}
    bags = [Counter(part.words) for part in old]
    ids = [part.entry_id for part in old]
    scored = []
    for position, part in enumerate(new):
        bag = Counter(part.words)
        for index, other in enumerate(bags):
            score = _likeness(part.entry_id, ids[index], bag, other)
            if score >= SAME_PAIR_DICE:
                scored.append((score, -position, -index))
    return _best_in_order(scored)


def _likeness(left: str | None, right: str | None, bag: Counter[str], other: Counter[str]) -> float:
    if left and right:
        return 2.0 if left == right else 0.0
    total = bag.total() + other.total()
    return 2 * (bag & other).total() / total if total else 0.0


def _best_in_order(scored: list[tuple[float, int, int]]) -> dict[int, int]:
    chosen: dict[int, int] = {}
    for _score, minus_position, minus_index in sorted(scored, reverse=True):
        position, index = -minus_position, -minus_index
        fits = all((p < position and i < index) or (p > position and i > index) for p, i in chosen.items())
        if fits:
            chosen[position] = index
    return chosen


def _edited(old: _Part, new: _Part) -> Block:
    spans = _word_spans(old.text, new.text)
    changed = sum(len(_words(span.text)) for span in spans if span.kind is not Kind.SAME)
    total = len(old.words) + len(new.words)
    if total and changed / total > REWRITTEN_SHARE:
        spans = (Span(kind=Kind.REMOVED, text=old.text), Span(kind=Kind.ADDED, text=new.text))
        return Block(kind=Kind.REWRITTEN, spans=spans, old_line=old.line, new_line=new.line)
    return Block(kind=Kind.CHANGED, spans=spans, old_line=old.line, new_line=new.line)


def _word_spans(old: str, new: str) -> tuple[Span, ...]:
    left, right = WORD.findall(old), WORD.findall(new)
    runs: list[tuple[bool, list[str], list[str]]] = []
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
        equal = tag == "equal"
        if runs and runs[-1][0] == equal:
            runs[-1][1].extend(left[i1:i2])
            runs[-1][2].extend(right[j1:j2])
        else:
            runs.append((equal, left[i1:i2], right[j1:j2]))
    return tuple(_spans_of(_without_islands(runs)))


def _without_islands(
    runs: Iterable[tuple[bool, list[str], list[str]]],
) -> list[tuple[bool, list[str], list[str]]]:
    """A lone space or comma between two changes belongs to both; keeping it apart breaks a phrase into crumbs."""
    rows = list(runs)
    merged: list[tuple[bool, list[str], list[str]]] = []
    for position, (equal, left, right) in enumerate(rows):
        inner = 0 < position < len(rows) - 1
        if equal and inner and not _words("".join(left)):
            equal = False
        if merged and merged[-1][0] == equal:
            merged[-1] = (equal, merged[-1][1] + left, merged[-1][2] + right)
        else:
            merged.append((equal, left, right))
    return merged


def _spans_of(runs: Iterable[tuple[bool, list[str], list[str]]]) -> Iterator[Span]:
    for equal, left, right in runs:
        if equal:
            yield Span(kind=Kind.SAME, text="".join(left))
            continue
        if left:
            yield Span(kind=Kind.REMOVED, text="".join(left))
        if right:
            yield Span(kind=Kind.ADDED, text="".join(right))


def _same(old: _Part, new: _Part) -> Block:
    return Block(kind=Kind.SAME, spans=(Span(kind=Kind.SAME, text=new.text),), old_line=old.line, new_line=new.line)


def _whole(part: _Part, kind: Kind) -> Block:
    span = Span(kind=kind, text=part.text)
    if kind is Kind.ADDED:
        return Block(kind=kind, spans=(span,), old_line=None, new_line=part.line)
    return Block(kind=kind, spans=(span,), old_line=part.line, new_line=None)


def _mark_moved(blocks: list[Block]) -> list[Block]:
    """Only exact texts that left one place and came to one other; better to miss a move than to claim one."""
    gone = Counter(block.spans[0].text for block in blocks if block.kind is Kind.REMOVED)
    come = Counter(block.spans[0].text for block in blocks if block.kind is Kind.ADDED)
    moved = {text for text, count in gone.items() if count == 1 == come[text] and len(_words(text)) >= MOVED_MIN_WORDS}
    return [_moved(block) if block.spans[0].text in moved else block for block in blocks]


def _moved(block: Block) -> Block:
    kinds = {Kind.REMOVED: Kind.MOVED_AWAY, Kind.ADDED: Kind.MOVED_HERE}
    if block.kind not in kinds:
        return block
    span = Span(kind=Kind.SAME, text=block.spans[0].text)
    return Block(kind=kinds[block.kind], spans=(span,), old_line=block.old_line, new_line=block.new_line)


def _fold(blocks: Sequence[Block]) -> Iterator[Hunk]:
    changed = [index for index, block in enumerate(blocks) if block.kind is not Kind.SAME]
    shown = {near for index in changed for near in range(index - CONTEXT_BLOCKS, index + CONTEXT_BLOCKS + 1)}
    run: list[Block] = []
    folded = False
    for index, block in enumerate(blocks):
        hide = bool(changed) and index not in shown
        if run and hide != folded:
            yield Hunk(blocks=tuple(run), folded=folded)
            run = []
        run.append(block)
        folded = hide
    if run:
        yield Hunk(blocks=tuple(run), folded=folded)


def _count(block: Block, kind: Kind) -> int:
    return sum(len(_words(span.text)) for span in block.spans if span.kind is kind)


def _has_words(block: Block) -> bool:
    return any(_words(span.text) for span in block.spans if span.kind is not Kind.SAME) or block.kind in (
        Kind.MOVED_AWAY,
        Kind.MOVED_HERE,
    )


def _words(text: str) -> list[str]:
    return [token for token in WORD.findall(text) if token[0].isalnum() or token[-1].isalnum()]
