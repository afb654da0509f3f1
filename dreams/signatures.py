"""PURE: an error text becomes the line that names the error, and that line a signature without its particulars."""

import re
import unicodedata

_ANSI = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
_NAMES_ERROR = re.compile(
    r"\b\w*(?:Error|Exception)\b|\bE_[A-Z]+\b"
    r"|\b(?:error|fatal|denied|not found|no such|cannot|can't|invalid|unknown|failed|unrecognized|unrecognised"
    r"|refused|missing|unable|unsupported|not allowed|not permitted|expected)\b",
    re.IGNORECASE,
)
_PROGRAM_PREFIX = re.compile(r"^[\w./+-]{1,40}: \S")
_PLACEHOLDERS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s'\"<>)\]]+", re.IGNORECASE), "<url>"),
    (re.compile(r"\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+\b"), "<email>"),
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", re.IGNORECASE), "<uuid>"),
    (re.compile(r"\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?"), "<date>"),
    (re.compile(r"\b\d{1,2}[/.]\d{1,2}[/.]\d{2,4}\b"), "<date>"),
    (re.compile(r"\b\d{1,2}:\d\d(?::\d\d)?\b"), "<time>"),
    (re.compile(r"\"[^\"\n]*\"|(?<!\w)'[^'\n]*'(?!\w)|`[^`\n]*`|“[^”\n]*”|‘[^’\n]*’"), "<str>"),
    (re.compile(r"(?<![\w<])(?:~|\.{1,2})?(?:/[\w.@%+=-]+)+/?"), "<path>"),
    (re.compile(r"(?<![\w<])[\w-]+(?:/[\w.-]+)+"), "<path>"),
    (re.compile(r"(?<![\w<.])[\w-]+\.[A-Za-z][A-Za-z0-9]{0,7}(?![\w.])"), "<path>"),
    (re.compile(r"«[^»\n]*»"), "<redacted>"),
    (re.compile(r"\b0x[0-9a-f]+\b", re.IGNORECASE), "<hex>"),
    (re.compile(r"\b(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{8,}\b", re.IGNORECASE), "<hex>"),
    (re.compile(r"\b(?=[A-Z0-9]*\d)(?=[A-Z0-9]*[A-Z])[A-Z0-9]{2,}\b"), "<id>"),
    (re.compile(r"(?<=[_-])\d+\b"), "<n>"),
    (re.compile(r"(?<![\w<])[-+]?\d+(?:[.,]\d+)*%?(?!\w)"), "<n>"),
    (re.compile(r"(?<=[A-Za-z])\d+\b"), "<n>"),
)
PLACEHOLDER = re.compile(r"<(?:url|email|uuid|date|time|str|path|redacted|hex|id|n)>")


def error_line(text: str) -> str:
    """The line of an error output that says what went wrong."""
    lines = [_visible(line) for line in _ANSI.sub("", text).splitlines()]
    lines = [line for line in lines if line]
    if not lines:
        return ""
    outside = [
        line for line in lines if not line.startswith(("File ", "Traceback", "raise ", "at ", "^", "~"))
    ] or lines
    for line in outside:
        if _NAMES_ERROR.search(line):
            return line
    return next((line for line in outside if _PROGRAM_PREFIX.match(line)), outside[-1])


def _visible(line: str) -> str:
    return "".join(c for c in line if unicodedata.category(c) not in ("Cc", "Cf") or c == "\t").strip()


def signature(text: str) -> str:
    """The error line with dates, ids, numbers, paths and quoted strings replaced, so that equal causes read equal."""
    line = error_line(text)
    for pattern, placeholder in _PLACEHOLDERS:
        line = pattern.sub(placeholder, line)
    return re.sub(r"\s+", " ", line).strip()[:300]
