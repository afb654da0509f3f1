"""Who did what: the audit log as a page and as a file.

Reviewers and admins read it: they answer for what happens to memory. Viewers do not, because it tells when their
colleagues sign in.
"""

import csv
from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse, StreamingHttpResponse
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.views.decorators.http import require_GET

from agents.access import require_role
from agents.forms.audit import AuditFilter
from agents.http import HtmxHttpRequest, newest_first, page
from agents.models import ApiKey, AuditEvent, Member, Role

PAGE_SIZE = 100
ACTORS_MAX = 300  # offered in the filter; the API takes any id
CHUNK = 1_000
COLUMNS = (
    *("id", "created_at", "actor_kind", "actor_id", "actor_name"),
    *("action", "object_id", "object_name", "detail", "reason"),
)
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")  # what a spreadsheet would run
# The page of an object by the prefix of its id; others have none.
PAGES = {
    "agent": "agent",
    "apikey": "api-key",
    "depl": "deployment",
    "dpol": "dream-policy",
    "drm": "dream",
    "env": "environment",
    "memstore": "store",
    "prop": "proposal",
    "sesn": "session",
    "skill": "skill",
    "user": "member",
    "vlt": "vault",
    "whend": "webhook",
}


@require_GET
@require_role(Role.REVIEWER)
def audit_list(request: HtmxHttpRequest) -> HttpResponse:
    """Newest first, whole pages by keyset."""
    form = _filter(request)
    rows = newest_first(request, _found(request, form), size=PAGE_SIZE)
    query = request.GET.copy()
    query.pop("after", None)
    context = {
        "section": "setup",
        "form": form,
        "rows": [(event, _address(event)) for event in rows.items],
        "next": rows.next_query(request),
        "query": query.urlencode(),
        "is_filtered": form.is_narrowing,
    }
    return page(request, "agents/audit_list.html", context, partial="rows")


@require_GET
@require_role(Role.REVIEWER)
def audit_export(request: HtmxHttpRequest) -> StreamingHttpResponse:
    """The same list as CSV, all of it, row by row."""
    name = f"audit-{timezone.now():%Y-%m-%d}.csv"
    events = _found(request, _filter(request)).order_by("-created_at", "-pk")
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingHttpResponse(_lines(events), content_type="text/csv; charset=utf-8", headers=headers)


class _Echo:
    """What csv writes to: gives each line back."""

    def write(self, line: str) -> str:
        return line


def _lines(events: QuerySet[AuditEvent]) -> Iterator[str]:
    writer = csv.writer(_Echo())
    yield writer.writerow(COLUMNS)
    for row in events.values_list(*COLUMNS).iterator(chunk_size=CHUNK):
        yield writer.writerow([csv_cell(value) for value in row])


def csv_cell(value: Any) -> str:
    """Names and reasons are what people typed: no spreadsheet may take one for a formula."""
    text = value.isoformat() if hasattr(value, "isoformat") else str(value)
    return f"'{text}" if text.startswith(FORMULA) else text


def _filter(request: HtmxHttpRequest) -> AuditFilter:
    form = AuditFilter(request.GET)
    people = Member.objects.in_workspace(request.workspace).select_related("user").order_by("user__username")
    keys = ApiKey.objects.in_workspace(request.workspace).order_by("name", "prefix")
    named = [(member.pk, str(member)) for member in people[:ACTORS_MAX]]
    form.offer([*named, *((key.pk, str(key)) for key in keys[:ACTORS_MAX]), ("platform", "Lucid itself")])
    return form


def _found(request: HtmxHttpRequest, form: AuditFilter) -> QuerySet[AuditEvent]:
    return form.narrow(AuditEvent.objects.in_workspace(request.workspace))


def _address(event: AuditEvent) -> str:
    """The page of what it was done to; empty where there is none (any more)."""
    name = PAGES.get(event.object_id.partition("_")[0])
    if not name or event.action.endswith((".deleted", ".removed")):
        return ""
    try:
        return reverse(name, args=[event.object_id])
    except NoReverseMatch:
        return ""
