"""Expected refusals on pages: one readable page, and for htmx the same page's card among the messages."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django_htmx.http import HttpResponseClientRedirect

from agents.exceptions import DomainError, NotFound
from agents.middleware import API_PREFIX

TEMPLATES = {403: "403.html", 404: "404.html"}


class PageErrorMiddleware:
    """Turns a `DomainError` that a page view raised into a page; the API has a handler of its own."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if request.headers.get("HX-Request") and _asks_to_sign_in(response):
            # A redirect would be followed and the sign-in form swapped into a corner of the page.
            return HttpResponseClientRedirect(settings.LOGIN_REDIRECT_URL)
        return response

    def process_view(self, request: HttpRequest, *view: object) -> HttpResponse | None:
        """No database can be asked for U+0000, so nothing is found under it; the API says so in its own words."""
        if request.path.startswith(API_PREFIX):
            return None
        texts = [request.path, *(value for values in request.GET.lists() for value in values[1])]
        is_askable = not any("\x00" in text for text in texts)
        return None if is_askable else error_page(request, NotFound("Nothing has the character U+0000 in its name."))

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Django calls this for whatever a view raises."""
        return error_page(request, error) if isinstance(error, DomainError) else None


def _asks_to_sign_in(response: HttpResponseBase) -> bool:
    return response.status_code == 302 and response.headers["Location"].startswith(reverse(settings.LOGIN_URL))


def error_page(request: HttpRequest, error: DomainError) -> HttpResponse:
    """The refusal in words, with its status."""
    template = TEMPLATES.get(error.status, "refused.html")
    response = render(request, template, {"error_message": error.message}, status=error.status)
    response["HX-Retarget"] = "#messages"
    response["HX-Reswap"] = "innerHTML show:window:top"
    response["HX-Reselect"] = ".bare-card > .card"
    return response
