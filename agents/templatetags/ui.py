"""Small pieces of pages: icons, badges, times, tokens and money, and the mark of a form."""

import secrets
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Any

from django import template
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from agents.services import prices

register = template.Library()

MINUTE, HOUR, DAY = 60, 3600, 86_400
CENT = Decimal("0.01")
SENDING = "sending"  # the field that makes a form one of its own

# value: (word, look, icon); a look is never alone, every badge says its word.
BADGES: dict[str, tuple[str, str, str]] = {
    # sessions and threads
    "idle": ("idle", "quiet", ""),
    "awaits": ("needs answer", "warn", "person"),
    "running": ("running", "live", ""),
    "rescheduling": ("retrying", "live", ""),
    "terminated": ("ended", "quiet", "stop"),
    "completed": ("completed", "good", "check"),
    "failed": ("failed", "bad", "cross"),
    "escalated": ("escalated", "warn", "person"),
    # deployments
    "active": ("active", "good", "check"),
    "archived": ("archived", "quiet", "folder"),
    # dreams
    "pending": ("pending", "accent", "clock"),
    "canceled": ("canceled", "quiet", "stop"),
    # schedules
    "paused": ("paused", "warn", "clock"),
    "started": ("dreamt", "good", "check"),
    "nothing_new": ("nothing new", "quiet", "moon"),
    "skipped": ("skipped", "warn", "alert"),
    # webhook endpoints
    "enabled": ("enabled", "good", "check"),
    "disabled": ("disabled", "warn", "stop"),
    # proposals
    "approved": ("approved, being applied", "live", ""),
    "applied": ("applied", "good", "check"),
    "apply_failed": ("needs review: could not be applied", "bad", "alert"),
    "rejected": ("rejected", "quiet", "cross"),
    "reverted": ("reverted", "quiet", "undo"),
    "stale": ("stale", "warn", "clock"),
    "superseded": ("superseded", "quiet", "supersede"),
    "expired": ("expired", "quiet", "clock"),
    # lanes
    "auto": ("auto lane", "good", "check"),
    "review": ("review lane", "accent", "person"),
    "quarantine": ("quarantine", "warn", "shield"),
    "reject": ("refused by rule", "bad", "shield"),
    # severities
    "high": ("high", "bad", "alert"),
    "medium": ("medium", "warn", "alert"),
    "low": ("low", "quiet", "info"),
    "danger": ("danger", "bad", "alert"),
    "warning": ("caution", "warn", "alert"),
    "info": ("note", "quiet", "info"),
    # tiers
    "organization": ("organization standards", "quiet", "shield"),
    "verified": ("verified facts", "quiet", "check"),
    "working": ("working memory", "accent", "edit"),
    "practice": ("practice model", "warn", "lab"),
    "imported": ("imported", "quiet", "folder"),
    "unreviewed": ("unreviewed", "warn", "alert"),
}
TRUST_WORDS = {0: "untrusted", 1: "agent's own action", 2: "trusted"}


@register.simple_tag
@cache  # a list prints hundreds of them, and there are forty
def icon(name: str) -> SafeString:
    """One picture of the sprite; always decoration, the word stands beside it."""
    return format_html(
        '<svg class="icon icon-{}" aria-hidden="true" focusable="false"><use href="{}#{}"></use></svg>',
        name,
        static("img/icons.svg"),
        name,
    )


@register.simple_tag
def sending() -> SafeString:
    """Marks a form, anew each time that it is shown: a view that is decorated with `once` does once what it asks for,
    and for any other the page holds back a second click. A browser must not fill in an old one after a reload."""
    mark = secrets.token_urlsafe(16)
    return format_html('<input type="hidden" name="{}" value="{}" autocomplete="off">', SENDING, mark)


@register.simple_tag
def badge(value: Any, word: str = "") -> SafeString:
    """A status, lane, tier or severity as a word with a look."""
    known, look, picture = BADGES.get(str(value), (str(value).replace("_", " "), "quiet", ""))
    drawn = icon(picture) if picture else ""
    return format_html('<span class="badge badge-{}">{}{}</span>', look, drawn, word or known)


@register.simple_tag
def when(moment: datetime | None, missing: str = "–") -> SafeString | str:
    """How long ago, with the exact time on hover and for machines."""
    if moment is None:
        return missing
    stamp = moment.astimezone(UTC)
    title = f"{stamp:%d %b %Y, %H:%M:%S} UTC"
    return format_html(
        '<time datetime="{}" title="{}">{}</time>', stamp.isoformat(), title, ago(moment, timezone.now())
    )


def ago(moment: datetime, now: datetime) -> str:
    """Such as "4 min ago"; from a month on the date says more."""
    seconds = (now - moment).total_seconds()
    if seconds < -MINUTE:
        return f"in {span(-seconds)}"
    if seconds < MINUTE:
        return "just now"
    if seconds < 2 * MINUTE:
        return "1 min ago"
    if seconds < 30 * DAY:
        return f"{span(seconds)} ago"
    return f"{moment:%d %b %Y}".lstrip("0")


@register.filter
def span(seconds: float | None) -> str:
    """A duration in its largest sensible unit."""
    if seconds is None:
        return "–"
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 2 * MINUTE:
        return f"{seconds:.0f} s"
    if seconds < 2 * HOUR:
        return f"{seconds / MINUTE:.0f} min"
    if seconds < 2 * DAY:
        return f"{seconds / HOUR:.0f} h"
    return f"{seconds / DAY:.0f} d"


@register.filter
def compact(number: float | None) -> str:
    """12,345 as 12.3k; below a thousand as it is."""
    if number is None:
        return "–"
    for size, unit in ((1_000_000_000, "B"), (1_000_000, "M"), (1_000, "k")):
        if abs(number) >= size:
            text = f"{number / size:.1f}".removesuffix(".0")
            return f"{text}{unit}"
    return f"{number:g}"


@register.filter
def money(dollars: float | Decimal | None) -> str:
    """US dollars; under a cent the digits that matter, and unknown stays unknown."""
    if dollars is None:
        return "unpriced"
    if 0 < dollars < 0.0001:
        return "<$0.0001"
    if 0 < float(dollars) < 0.01:
        return f"${dollars:.4f}"
    return f"${dollars:,.2f}"


@register.filter
def rate(dollars: Decimal) -> str:
    """A price with every digit that it has."""
    whole, _, digits = f"{dollars.normalize():f}".partition(".")
    return f"${whole}.{digits:0<2}" if digits else f"${whole}"


@register.simple_tag
def session_cost(session: Any, book: Any) -> str:
    """What a session has cost until now; one that was imported brought no usage along."""
    return "–" if session.kind == "imported" else cost(prices.session_cost(session, book, timezone.now()))


@register.filter
def cost(total: Any) -> str:
    """A `Cost`: its dollars, and what no price is known for as a count of tokens, never as nothing."""
    if total is None:
        return "–"
    if total.is_known:
        return money(total.usd)
    unpriced = f"unpriced: {compact(total.unpriced_tokens)} tokens"
    return f"{money(total.usd)}, {unpriced}" if total.usd >= CENT else unpriced


@register.filter
def bytesize(size: int | None) -> str:
    """Bytes as kB, the way the limit of a memory is stated."""
    if size is None:
        return "–"
    return f"{size} B" if size < 1_000 else f"{size / 1_000:.1f} kB"


@register.filter
def plural(count: int, words: str) -> str:
    """`3|plural:"entry,entries"` gives "3 entries"."""
    one, many = words.split(",") if "," in words else (words, f"{words}s")
    return f"{count:,} {one if count == 1 else many}"


@register.simple_tag
def trust(level: int) -> SafeString:
    """Trust of an event as dots and, for everybody, as words."""
    dots = format_html("{}{}", *(format_html('<i class="{}"></i>', "on" if level > i else "") for i in range(2)))
    words = TRUST_WORDS.get(level, f"trust {level}")
    return format_html('<span class="trust" title="Trust {} of 2">{} <span>{}</span></span>', level, dots, words)


@register.filter
def tokens(holder: Any) -> str:
    """Input and output tokens of a session or a dream, from its wire usage."""
    usage = holder.usage or {}
    total = sum(usage.get(name) or 0 for name in ("input_tokens", "output_tokens"))
    return compact(total) if total else "–"


@register.filter
def of(mapping: Any, key: str) -> Any:
    """What a mapping holds under a key that a template only knows as a variable."""
    return mapping.get(key, key)


@register.filter
def words(code: str) -> str:
    """A code such as lost_literals as words."""
    return str(code).replace("_", " ")
