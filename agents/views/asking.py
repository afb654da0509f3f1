"""The page that asks before what cannot be taken back."""

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase

from agents.http import HtmxHttpRequest, go, page

TEMPLATE = "agents/ask_first.html"

type Crumb = tuple[str, str]  # an address, and what stands there


def turned_back(request: HtmxHttpRequest, kept: Any, to: str) -> HttpResponseBase | None:
    """Nobody fills in a form that would be refused: what is archived leads to its own page, which says so."""
    if request.method != "GET" or not kept.is_archived:
        return None
    messages.warning(request, f"{kept} is archived: it takes no more changes and starts nothing.")
    return go(request, to, kept.pk)


def ask_first(
    request: HtmxHttpRequest,
    title: str,
    text: str = "",
    *,
    button: str,
    crumbs: Sequence[Crumb],
    tab: str = "",
    problem: str = "",
    template: str = TEMPLATE,
    status: int = 200,
    **more: Any,
) -> HttpResponse:
    """`crumbs` end with the page to go back to; `tab` is the page's place under Set up. With a `problem`, or without a
    `button`, there is nothing to press. A `template` that extends this one's says more than a `text` can."""
    asked = {"title": title, "text": text, "button": button, "crumbs": crumbs, "here": tab, "problem": problem}
    return page(request, template, {"section": "setup", **asked, **more}, status=status)
