"""PURE: how much of one text stands in another, by runs of five characters."""

import re
import unicodedata
from functools import lru_cache

from dreams.limits import EVENT_SCAN_MAX_CHARS, SHINGLE_CHARS, TAINT_SEGMENT_MIN_CHARS

_NOISE = re.compile(r"[\s\\`*_>#|\"']+")
# A piece of the shortest length that counts as copied shares at least so many runs.
_SHARED_MIN = int((TAINT_SEGMENT_MIN_CHARS - SHINGLE_CHARS) * 0.6)


@lru_cache(maxsize=1_024)
def plain(text: str) -> str:
    """Case, width, invisible characters and punctuation runs do not count when looking for a copy."""
    text = text[:EVENT_SCAN_MAX_CHARS]
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
        text = "".join(c for c in text if unicodedata.category(c) != "Cf" and not "\ufe00" <= c <= "\ufe0f")
    return _NOISE.sub(" ", text).casefold().strip()


def shingles(text: str) -> frozenset[str]:
    text = plain(text)
    if not text:
        return frozenset()
    return frozenset(text[i : i + SHINGLE_CHARS] for i in range(max(1, len(text) - SHINGLE_CHARS + 1)))


def containment(part: str, whole: str) -> float:
    """The share of `part` that stands in `whole`, 0 to 1."""
    inner, outer = shingles(part), plain(whole)
    return sum(run in outer for run in inner) / len(inner) if inner else 0.0


def jaccard(one: str, other: str) -> float:
    a, b = shingles(one), shingles(other)
    return len(a & b) / len(a | b) if a or b else 1.0


@lru_cache(maxsize=256)
def segments(text: str) -> tuple[str, ...]:
    """The sentences and lines of a text that are long enough to be recognised elsewhere."""
    pieces = re.split(r"(?<=[.!?;:])\s+|\n+|(?<=\w\")\s*,\s*", text[:EVENT_SCAN_MAX_CHARS])
    return tuple(p.strip() for p in pieces if len(plain(p)) >= TAINT_SEGMENT_MIN_CHARS)


def copies(text: str, source: str, threshold: float) -> bool:
    """Whether `text` is largely taken from `source`, or carries a whole sentence of it inside other words."""
    runs, outer = shingles(text), plain(source)
    shared = sum(run in outer for run in runs)
    if not shared:
        return False
    if shared / len(runs) >= threshold:
        return True
    return shared >= _SHARED_MIN and any(_stands_in(piece, runs, threshold) for piece in segments(source))


def _stands_in(piece: str, runs: frozenset[str], threshold: float) -> bool:
    inner = shingles(piece)
    return len(inner & runs) >= threshold * len(inner)
