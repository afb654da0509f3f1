"""Memory text on pages: diff lines and file lines, with literals and entry ids set apart. Text is always escaped."""

import re

from django import template
from django.utils.html import conditional_escape, format_html, format_html_join
from django.utils.safestring import SafeString

from agents.diffs import Block, Kind, Span

register = template.Library()

UNBROKEN_CHARS = 24  # longer literals may break, or they would not fit a phone

_ENTRY_ID = re.compile(r"^(\s*[-*] )(\[[a-z]-[a-z0-9]{3,8}\])")

# What a screen reader hears before a line; number and sign are drawn by the style sheet, since a file has thousands.
_HEARD = {
    Kind.SAME: "",
    Kind.ADDED: "Added: ",
    Kind.REMOVED: "Removed: ",
    Kind.CHANGED: "Changed: ",
    Kind.MOVED_AWAY: "Moved away: ",
    Kind.MOVED_HERE: "Moved here: ",
}
_MARKS = {Kind.ADDED: "<ins>{}</ins>", Kind.REMOVED: "<del>{}</del>"}
_TAGGED = SafeString('{}<span class="diff-tag">{}</span>')


@register.simple_tag
def diff_block(block: Block) -> SafeString:
    """One block of a diff as lines; a rewritten one as its old text, then its new text."""
    if block.kind is Kind.REWRITTEN:
        old, new = block.spans
        told = format_html(_TAGGED, _whole(new), "rewritten")
        return _line(Kind.REMOVED, block.old_line, _whole(old)) + _line(Kind.ADDED, block.new_line, told)
    number = block.old_line if block.kind in (Kind.REMOVED, Kind.MOVED_AWAY) else block.new_line
    if block.kind in _MARKS:
        return _line(block.kind, number, _whole(*block.spans))
    text = _spans(block.spans)
    if block.kind in (Kind.MOVED_AWAY, Kind.MOVED_HERE):
        text = format_html(_TAGGED, text, "moved")
    return _line(block.kind, number, text)


def _line(kind: Kind, number: int | None, text: SafeString) -> SafeString:
    heard = format_html('<span class="vh">{}</span>', _HEARD[kind]) if _HEARD[kind] else ""
    return format_html('<div class="diff-line diff-{}" data-no="{}">{}{}</div>', kind, number or "", heard, text)


def _whole(span: Span) -> SafeString:
    """A line that was added or removed as a whole: what it is was said at its beginning."""
    return format_html(_MARKS[span.kind], _marked(span.text, False, first=True))


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
