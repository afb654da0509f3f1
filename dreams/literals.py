"""PURE: quotes and literals: what a text holds letter for letter, and what must not get lost or be invented."""

import json
import re
import unicodedata
from typing import Any

from dreams.digest import DigestEvent
from dreams.limits import QUOTE_MIN_CHARS
from dreams.signatures import PLACEHOLDER

_LITERAL = re.compile(
    r"`(?P<code>[^`]+)`"
    r"|(?P<url>\b[a-z][a-z0-9+.-]*://[^\s`'\")]+)"
    r"|(?P<email>[\w.+-]+@[\w-]+(?:\.[\w-]+)+)"
    r"|(?P<path>(?<![\w<])(?:~|\.{1,2})?(?:/[\w.@%+=-]+)+)"
    r"|(?P<flag>(?<![\w-])--?[A-Za-z][\w-]*)"
    r"|(?P<host>\b(?:[a-z0-9-]+\.)+[a-z][a-z0-9]{1,11}\b)"
    r"|(?P<name>\b[A-Za-z]+_\w+\b|\b[A-Z]{2,}\d[A-Z\d]*\b|\b[A-Z_]{4,}\b)"
    r"|(?P<number>(?<![\w<])\d+(?:[.,:/-]\d+)*%?)"
)


def literals(text: str) -> list[str]:
    """What must not get lost or be invented: code spans, addresses, paths, flags, names and numbers."""
    return list(dict.fromkeys(match[match.lastgroup or 0].rstrip(".,:;") for match in _LITERAL.finditer(text)))


def holds(text: str, literal: str) -> bool:
    """Whether a text shows a literal; placeholders in the literal stand for anything on the line."""
    if PLACEHOLDER.search(literal):
        return re.search(r".*?".join(map(re.escape, PLACEHOLDER.split(literal))), text) is not None
    if re.fullmatch(r"[\w.,:/-]+", literal):
        return re.search(rf"(?<!\w){re.escape(literal)}(?!\w)", text) is not None
    return literal in text or exact(literal, text) is not None


def find_quote(quote: str, event: DigestEvent) -> str | None:
    """The event's own characters for a quote, found after NFC and with runs of blanks read as one; nothing fuzzier."""
    for wanted in dict.fromkeys((quote, quote.replace("\\n", "\n"))):
        for text in quotable_texts(event):
            found = exact(wanted, text)
            if found is not None:
                return found
    return None


def quotable_texts(event: DigestEvent) -> list[str]:
    """What may be quoted: the event's text, and of a call each of its argument texts as well."""
    if event.kind != "tool_use":
        return [event.full]
    try:
        return [event.full, *_strings(json.loads(event.full))]
    except ValueError:
        return [event.full]


def _strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for item in value.values() for text in _strings(item)]
    if isinstance(value, list):
        return [text for item in value for text in _strings(item)]
    return []


def exact(quote: str, text: str) -> str | None:
    words = unicodedata.normalize("NFC", quote).split()
    if len("".join(words)) < QUOTE_MIN_CHARS and quote.strip() != text.strip():
        return None
    if not words:
        return None
    if quote in text:
        return quote
    match = re.search(r"\s+".join(map(re.escape, words)), unicodedata.normalize("NFC", text))
    return match[0] if match else None
