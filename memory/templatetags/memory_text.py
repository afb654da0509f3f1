"""Memory text on pages: diff lines and file lines, with literals and entry ids set apart. Text is always escaped."""

import re
from collections.abc import Iterable

from django import template
from django.utils.html import conditional_escape, format_html, format_html_join
from django.utils.safestring import SafeString

from agents.diffs import Block, Kind, Span

register = template.Library()

UNBROKEN_CHARS = 24  # longer literals may break, or they would not fit a phone

_ENTRY_ID = re.compile(r"^(\s*[-*] )(\[[a-z]-[a-z0-9]{3,8}\])")

# kind of block: (class, sign, what a screen reader hears)
_LOOKS = {
    Kind.SAME: ("same", " ", ""),
    Kind.ADDED: ("added", "+", "Added: "),
    Kind.REMOVED: ("removed", "−", "Removed: "),
    Kind.CHANGED: ("changed", "~", "Changed: "),
    Kind.MOVED_AWAY: ("moved", "↗", "Moved away: "),
    Kind.MOVED_HERE: ("moved", "↘", "Moved here: "),
}
_TAG = '<span class="diff-tag">{}</span>'
_LINE = (
    '<div class="diff-line diff-{}"><span class="no" aria-hidden="true">{}</span>'
    '<span class="sign" aria-hidden="true">{}</span><div class="text"><span class="vh">{}</span>{}{}</div></div>'
)


@register.simple_tag
def diff_block(block: Block) -> SafeString:
    """One block of a diff as lines; a rewritten one as its old text, then its new text."""
    if block.kind is Kind.REWRITTEN:
        return format_html("{}{}", *(_rewritten(block, span) for span in block.spans))
    number = block.old_line if block.kind in (Kind.REMOVED, Kind.MOVED_AWAY) else block.new_line
    tag = format_html(_TAG, "moved") if block.kind in _MOVED else ""
    look, sign, heard = _LOOKS[block.kind]
    return format_html(_LINE, look, number or "", sign, heard, _spans(block.spans), tag)


_MOVED = (Kind.MOVED_AWAY, Kind.MOVED_HERE)


def _rewritten(block: Block, span: Span) -> SafeString:
    look, sign, heard = _LOOKS[span.kind]
    number = block.old_line if span.kind is Kind.REMOVED else block.new_line
    tag = format_html(_TAG, "rewritten") if span.kind is Kind.ADDED else ""
    return format_html(_LINE, look, number or "", sign, heard, _spans((span,)), tag)


@register.simple_tag
def inline_diff(spans: Iterable[Span]) -> SafeString:
    """A word diff inside running text."""
    return format_html('<span class="inline-diff">{}</span>', _spans(tuple(spans)))


@register.filter
def literals(text: str) -> SafeString:
    """A memory line with its entry id and its `literals` set apart."""
    return _spans((Span(kind=Kind.SAME, text=text),))


@register.filter
def prose(text: str) -> SafeString:
    """A sentence for people: `literals` as code, without their backticks; one that was cut off counts as closed."""
    return format_html_join("", "{}", ((_piece(piece, bool(i % 2)),) for i, piece in enumerate(text.split("`"))))


def _spans(spans: tuple[Span, ...]) -> SafeString:
    """Backticks open and close on each side of a diff by themselves: a changed literal is still a literal."""
    old_code = new_code = False
    parts: list[tuple[str]] = []
    for index, span in enumerate(spans):
        inside = old_code if span.kind is Kind.REMOVED else new_code
        flips = span.text.count("`") % 2 == 1
        parts.append((_wrapped(span, inside, first=index == 0),))
        old_code ^= flips and span.kind is not Kind.ADDED
        new_code ^= flips and span.kind is not Kind.REMOVED
    return format_html_join("", "{}", parts)


def _wrapped(span: Span, inside: bool, *, first: bool) -> SafeString:
    text = _marked(span.text, inside, first=first)
    if span.kind is Kind.ADDED:
        return format_html('<ins><span class="vh">added </span>{}</ins>', text)
    if span.kind is Kind.REMOVED:
        return format_html('<del><span class="vh">removed </span>{}</del>', text)
    return text


def _marked(text: str, inside: bool, *, first: bool) -> SafeString:
    match = _ENTRY_ID.match(text) if first else None
    if match:
        rest = _code_spans(text[match.end() :], inside)
        return format_html('{}<span class="entry-id">{}</span>{}', match[1], match[2], rest)
    return _code_spans(text, inside)


def _code_spans(text: str, inside: bool) -> SafeString:
    pieces = text.split("`")
    return format_html_join("`", "{}", ((_piece(piece, bool(i % 2) != inside),) for i, piece in enumerate(pieces)))


def _piece(text: str, is_code: bool) -> SafeString:
    if not is_code or not text:
        return conditional_escape(text)
    # A browser breaks a line after the first hyphen of `--flag`, which reads as another flag.
    kept = "-" in text and len(text) <= UNBROKEN_CHARS
    return format_html('<code class="nowrap">{}</code>' if kept else "<code>{}</code>", text)
