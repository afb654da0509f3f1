"""What every page's frame needs: the workspace, the member, and how this browser shows pages."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest

THEME_COOKIE = "theme"
SHORTCUTS_COOKIE = "shortcuts"
THEMES = ("system", "light", "dark")


def shell(request: HttpRequest) -> dict[str, Any]:
    """Values for base.html; nothing here queries."""
    chosen = request.COOKIES.get(THEME_COOKIE, "system")
    theme = chosen if chosen in THEMES else "system"
    return {
        "workspace": getattr(request, "workspace", None),
        "member": getattr(request, "member", None),
        "theme": "" if theme == "system" else theme,
        "next_theme": THEMES[(THEMES.index(theme) + 1) % len(THEMES)],
        "shortcuts_off": request.COOKIES.get(SHORTCUTS_COOKIE) == "off",
        "practice_model": not settings.ANTHROPIC_API_KEY,
    }
