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
ROWS = "inbox-rows"


@require_GET
@require_role(Role.VIEWER)
def proposal_list(request: HtmxHttpRequest) -> HttpResponse:
    """One tab of the inbox; the address is the whole state."""
    tab = request.GET.get("tab", TABS[0])
    tab = tab if tab in TABS else TABS[0]
    form = InboxFilter(request.GET)
    form.offer(MemoryStore.objects.in_workspace(request.workspace).order_by("name"), _dreams_offered(request))
    rows, after = _rows(request, tab, form)
    state = queue_state(request.member)
    context = {
        "section": "inbox",
        "tab": tab,
        "form": form,
        "proposals": rows,
        "next": _next(request, after),
        "place": "row",
        **state,
        "next_id": rows[0].pk if rows and tab == "pending" else "",
        "dream_in_review": form.dream_id,
        "rest_id": state["next_id"] if tab == "pending" and form.is_of_dream_alone else "",
        "oob": bool(request.htmx) and request.htmx.target == ROWS,
        "is_filtered": form.is_narrowing,
        "in_list": True,
        "last": inbox.last_decision(request.member),
        "practice_shown": Dream.objects.filter(pk__in={row.review.dream_id for row in rows}, is_practice=True).exists(),
    }
    return page(request, "dreams/inbox.html", context, partial={ROWS: "rows"})


def _dreams_offered(request: HtmxHttpRequest) -> list[Dream]:
    """The newest ones, and the one that is asked for, however old it is."""
    dreams = Dream.objects.in_workspace(request.workspace).only("pk", "created_at")
    newest = list(dreams.newest_first()[:DREAMS_OFFERED])
    asked = dreams.filter(pk=request.GET.get("dream", "")).exclude(pk__in=[dream.pk for dream in newest])
    return [*newest, *asked]


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
