"""PURE: how much of one text stands in another, by runs of five characters."""

import re
import unicodedata
from functools import lru_cache

from dreams.limits import EVENT_SCAN_MAX_CHARS, SHINGLE_CHARS, TAINT_SEGMENT_MIN_CHARS


def plain(text: str) -> str:
    """Case, width, invisible characters and punctuation runs do not count when looking for a copy."""
    text = unicodedata.normalize("NFKC", text[:EVENT_SCAN_MAX_CHARS])
    text = "".join(c for c in text if unicodedata.category(c) != "Cf" and not "\ufe00" <= c <= "\ufe0f")
    return re.sub(r"[\s\\`*_>#|\"']+", " ", text).casefold().strip()


@lru_cache(maxsize=8_192)
def shingles(text: str) -> frozenset[str]:
    text = plain(text)
    if not text:
        return frozenset()
    return frozenset(text[i : i + SHINGLE_CHARS] for i in range(max(1, len(text) - SHINGLE_CHARS + 1)))


def containment(part: str, whole: str) -> float:
    """The share of `part` that stands in `whole`, 0 to 1."""
    inner = shingles(part)
    return len(inner & shingles(whole)) / len(inner) if inner else 0.0


def jaccard(one: str, other: str) -> float:
    a, b = shingles(one), shingles(other)
    return len(a & b) / len(a | b) if a or b else 1.0


@lru_cache(maxsize=8_192)
def segments(text: str) -> tuple[str, ...]:
    """The sentences and lines of a text that are long enough to be recognised elsewhere."""
    pieces = re.split(r"(?<=[.!?;:])\s+|\n+|(?<=\w\")\s*,\s*", text[:EVENT_SCAN_MAX_CHARS])
    return tuple(p.strip() for p in pieces if len(plain(p)) >= TAINT_SEGMENT_MIN_CHARS)


def copies(text: str, source: str, threshold: float) -> bool:
    """Whether `text` is largely taken from `source`, or carries a whole sentence of it inside other words."""
    if not text or not source:
        return False
    if containment(text, source) >= threshold:
        return True
    if not shingles(text) & shingles(source):
        return False
    return any(containment(piece, text) >= threshold for piece in segments(source))
