"""Forms that make something: one that is sent twice, by a reload, a second click or the way back, makes it once."""

import json
from collections.abc import Callable, Mapping
from functools import wraps
from hashlib import sha256
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase

from agents.http import HtmxHttpRequest, go, page
from agents.services.sent_forms import SentBefore, sent_once
from agents.templatetags.ui import SENDING

REPEATED = "agents/sent_before.html"
SENT = "_sent"  # on the answer: the secret that it shows, and where to go when it got lost

View = Callable[..., HttpResponseBase]


def once(view: View) -> View:
    """The form of this page has a `{% sending %}`: what it holds, sent again by the same person, does nothing more. Who
    goes back and writes something else there sends another one. A form that is refused may be sent again."""

    @wraps(view)
    def guarded(request: HtmxHttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not request.POST.get(SENDING):
            return view(request, *args, **kwargs)
        try:
            with sent_once(_digest(request), actor=request.actor) as sent:
                response = view(request, *args, **kwargs)
                sent.name, sent.url = getattr(response, SENT, ("", _address_in(response)))
        except SentBefore as before:
            return _answer_again(request, before)
        return response

    return guarded


def show_once(
    request: HtmxHttpRequest, template: str, context: Mapping[str, Any], *, what: str, lost: str
) -> HttpResponse:
    """Answers the form itself, without a redirect: the secret is kept nowhere, so no later request could show it.
    `what` it is in words, and `lost` the address where another one is made."""
    response = page(request, template, context)
    setattr(response, SENT, (what, lost))
    return response


def _answer_again(request: HtmxHttpRequest, before: SentBefore) -> HttpResponseBase:
    sent = before.sent
    if sent.name:
        return page(request, REPEATED, {"section": "setup", "sent": sent}, status=409)
    messages.info(request, "This form was sent before. Nothing was done again: this is what came of it.")
    return go(request, sent.url)


def _digest(request: HtmxHttpRequest) -> str:
    """Of who sent what where. The token of the form is as good as a key, so what is secret beside it cannot be guessed
    from this."""
    said = sorted((name, values) for name, values in request.POST.lists() if name != "csrfmiddlewaretoken")
    return sha256(json.dumps([request.member.pk, request.path, said]).encode()).hexdigest()


def _address_in(response: HttpResponseBase) -> str:
    """Where the answer sends the browser, with and without htmx."""
    return response.headers.get("Location") or response.headers.get("HX-Redirect") or ""
