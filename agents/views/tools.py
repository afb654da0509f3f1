"""Whether tools work on this machine, as pages of sessions say it; asked rarely, a probe runs a real command."""

from typing import Any

from django.core.cache import cache

from agents import plugs

KEY = "tools-problem"
ASK_AGAIN_SECONDS = 30


def tools_problem() -> dict[str, Any]:
    """Context of `components/tools_off.html`: empty while tools work, else why not and how to mend it."""
    found = cache.get(KEY)
    if found is None:
        report = plugs.sandbox().probe()
        found = {} if report.works else {"reason": report.reason, "remedy": report.remedy}
        cache.set(KEY, found, ASK_AGAIN_SECONDS)
    return {"tools_off": found}
