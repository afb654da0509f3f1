"""The inbox: what to decide next, by risk; and what was decided."""

from typing import Any

from django.http import HttpResponse
from django.views.decorators.http import require_GET

from agents.access import require_role
from agents.http import HtmxHttpRequest, page
from agents.models import Role
from dreams import inbox
from dreams.forms import TABS, InboxFilter
from dreams.models import Dream, Proposal
from dreams.views.queue import queue_state
from memory.models import MemoryStore

DREAMS_OFFERED = 30


@require_GET
@require_role(Role.VIEWER)
def proposal_list(request: HtmxHttpRequest) -> HttpResponse:
    """One tab of the inbox; the address is the whole state."""
    tab = request.GET.get("tab", TABS[0])
    tab = tab if tab in TABS else TABS[0]
    form = InboxFilter(request.GET)
    form.offer(
        MemoryStore.objects.in_workspace(request.workspace).order_by("name"),
        Dream.objects.in_workspace(request.workspace).newest_first().only("pk", "created_at")[:DREAMS_OFFERED],
    )
    rows, after = _rows(request, tab, form)
    context = {
        "section": "inbox",
        "tab": tab,
        "form": form,
        "proposals": rows,
        "next": _next(request, after),
        "place": "row",
        **queue_state(request.member),
        "next_id": rows[0].pk if rows and tab == "pending" else "",
        "is_filtered": form.is_narrowing,
        "in_list": True,
        "last": inbox.last_decision(request.member),
        "practice_shown": Dream.objects.filter(pk__in={row.review.dream_id for row in rows}, is_practice=True).exists(),
    }
    return page(request, "dreams/inbox.html", context, partial={"inbox-rows": "rows"})


def _rows(request: HtmxHttpRequest, tab: str, form: InboxFilter) -> tuple[list[Proposal], str]:
    after = request.GET.get("after", "")
    if tab == "decided":
        found, place = inbox.by_decision(form.narrow(inbox.decided(request.workspace)), after=after)
    elif tab == "all":
        found, place = inbox.by_risk(form.narrow(inbox.proposals_of(request.workspace)), after=after)
    elif tab == "quarantine":
        found, place = inbox.by_risk(form.narrow(inbox.quarantined(request.workspace)), after=after)
    else:
        found, place = inbox.by_risk(form.narrow(inbox.pending(request.workspace)), after=after)
    return found, place


def _next(request: HtmxHttpRequest, after: str) -> str:
    if not after:
        return ""
    query: Any = request.GET.copy()
    query["after"] = after
    return f"?{query.urlencode()}"
