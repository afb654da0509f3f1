"""What an agent was: its versions, and two of them side by side."""

from django.http import HttpResponse
from django.views.decorators.http import require_GET

from agents import diffs
from agents.access import access_agent, access_agent_version, require_role
from agents.definitions.as_text import as_text
from agents.http import HtmxHttpRequest, page
from agents.models import Role

LIST, COMPARE = "agents/agent_versions.html", "agents/agent_compare.html"
PAGE_SIZE = 50
NUMBER_MAX = 2_147_483_647  # what the column holds


@require_GET
@require_role(Role.VIEWER)
def agent_versions(request: HtmxHttpRequest, agent_id: str) -> HttpResponse:
    """Newest first, each with the words that it added and took away."""
    agent = access_agent(request.actor, agent_id)
    before = _number(request, "before") or agent.version + 1
    found = list(agent.versions.filter(number__lt=before).order_by("-number")[: PAGE_SIZE + 1])
    texts = [as_text(version.definition) for version in found]
    older = [*texts[1:], "" if found and found[-1].number == 1 else texts[-1]] if texts else []
    steps = [
        {"version": version, "words": diffs.count_words(old, new), "is_first": version.number == 1}
        for version, new, old in zip(found, texts, older, strict=True)
    ][:PAGE_SIZE]
    last = found[PAGE_SIZE - 1].number if len(found) > PAGE_SIZE else 0
    context = {"section": "agents", "agent": agent, "here": "versions", "steps": steps, "next": last}
    return page(request, LIST, {**context, "may_write": request.member.is_admin})


@require_GET
@require_role(Role.VIEWER)
def agent_compare(request: HtmxHttpRequest, agent_id: str) -> HttpResponse:
    """`?old=1&new=2`; without them the last two, and one number alone is shown whole."""
    agent = access_agent(request.actor, agent_id)
    newer = _number(request, "new") or agent.version
    older = _number(request, "old") or max(1, newer - 1)
    if older > newer:
        older, newer = newer, older
    rows = [access_agent_version(request.actor, agent.pk, number)[1] for number in (older, newer)]
    old, new = (as_text(row.definition) for row in rows)
    context = {
        "section": "agents",
        "agent": agent,
        "here": "versions",
        "older": rows[0],
        "newer": rows[1],
        "text": new,
        "diff": diffs.compare(old, new),
        "may_write": request.member.is_admin,
    }
    return page(request, COMPARE, context)


def _number(request: HtmxHttpRequest, name: str) -> int:
    """A version's number; whatever is no number counts as not given."""
    value = request.GET.get(name, "")
    return min(int(value[:12]), NUMBER_MAX) if value.isascii() and value.isdecimal() else 0
