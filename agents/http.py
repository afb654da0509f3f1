"""What the page edge shares: one answer per view, the full page or only the part that htmx asked for."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.cache import patch_vary_headers
from django_htmx.http import HttpResponseClientRedirect
from django_htmx.middleware import HtmxDetails


class HtmxHttpRequest(HttpRequest):
    """A request that has passed the htmx and workspace middlewares."""

    htmx: HtmxDetails


def page(
    request: HttpRequest,
    template: str,
    context: Mapping[str, Any],
    *,
    partial: str | Mapping[str, str] = "",
    status: int = 200,
) -> HttpResponse:
    """Render the page, or for htmx the partial; a mapping chooses it by the target's id and knows no other names."""
    name = _partial_for(request, partial)
    response = render(request, f"{template}#{name}" if name else template, dict(context), status=status)
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
