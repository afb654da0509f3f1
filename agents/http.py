"""What the page edge shares: one answer per view, the full page or only the part that htmx asked for."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.cache import patch_vary_headers
from django_htmx.http import HttpResponseClientRedirect
from django_htmx.middleware import HtmxDetails

from agents.actors import Actor
from agents.models import Member, Workspace


class HtmxHttpRequest(HttpRequest):
    """A page request behind `require_role`: somebody is signed in and a member of a workspace."""

    htmx: HtmxDetails
    member: Member
    workspace: Workspace
    actor: Actor


def page(
    request: HttpRequest,
    template: str,
    context: Mapping[str, Any],
    *,
    partial: str | Mapping[str, str] = "",
    status: int = 200,
) -> HttpResponse:
    """Render the page, or for htmx the partial: a name in this template, or another template. A mapping chooses it by
    the target's id and knows no other names."""
    name = _partial_for(request, partial)
    chosen = f"{template}#{name}" if name and not name.endswith(".html") else name or template
    response = render(request, chosen, dict(context), status=status)
    patch_vary_headers(response, ["HX-Request", "HX-Target"])
    return response


def go(request: HttpRequest, to: str, *args: Any, **kwargs: Any) -> HttpResponseBase:
    """Send the browser to another page, with and without htmx; 303 so that a POST becomes a GET."""
    response = redirect(to, *args, **kwargs)
    if getattr(request, "htmx", None):
        return HttpResponseClientRedirect(response.url)
    response.status_code = 303
    return response


def _partial_for(request: HttpRequest, partial: str | Mapping[str, str]) -> str:
    htmx = getattr(request, "htmx", None)
    if not htmx or htmx.boosted or htmx.history_restore_request:
        return ""
    if isinstance(partial, str):
        return partial
    return partial.get(htmx.target or "", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows[Row: Model]:
    """One page of a list by keyset: what comes after the last row shown, however long the list is. `next`: where the
    page after it begins, empty on the last."""

    items: list[Row]
    next: str

    def next_query(self, request: HttpRequest) -> str:
        """The query string of the next page with the filters kept; empty on the last page."""
        if not self.next:
            return ""
        query = request.GET.copy()
        query["after"] = self.next
        return f"?{query.urlencode()}"


def newest_first[Row: Model](request: HttpRequest, rows: QuerySet[Row], *, size: int) -> Rows[Row]:
    """The page of rows by creation that the request's `after` asks for."""
    items = list(rows.filter(_beyond(request.GET.get("after", ""))).order_by("-created_at", "-pk")[: size + 1])
    return Rows(items=items[:size], next=_place(items[size - 1]) if len(items) > size else "")


def _place(row: Any) -> str:
    """Not its id alone: that would have to be looked up, and be there."""
    return f"{row.created_at.isoformat()}~{row.pk}"


def _beyond(place: str) -> Q:
    """What comes after it; everything for what is no place."""
    moment, _, pk = place.partition("~")
    try:
        created = datetime.fromisoformat(moment).astimezone(UTC)
    except (ValueError, OverflowError):
        return Q()
    return Q(created_at__lt=created) | Q(created_at=created, pk__lt=pk)
