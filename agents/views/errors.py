"""Expected refusals on pages: one readable page, and for htmx the same page's card among the messages."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.urls import Resolver404, resolve, reverse
from django_htmx.http import HttpResponseClientRedirect

from agents.exceptions import DomainError, NotFound
from agents.middleware import API_PREFIX

TEMPLATES = {403: "403.html", 404: "404.html"}
REFUSED = "refused.html"


class WrongMethod(DomainError):
    """An address that only forms send to, or one that takes no form."""

    type = "invalid_request_error"
    status = 405


class PageErrorMiddleware:
    """Turns a `DomainError` that a page view raised, or a wrong method, into a page; the API answers for itself."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if request.headers.get("HX-Request") and _asks_to_sign_in(response):
            # A redirect would be followed and the sign-in form swapped into a corner of the page.
            return HttpResponseClientRedirect(settings.LOGIN_REDIRECT_URL)
        if response.status_code == WrongMethod.status and not request.path.startswith(API_PREFIX):
            return _instead(request, response)
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


def _instead(request: HttpRequest, refused: HttpResponseBase) -> HttpResponse:
    """The page of the thing whose action somebody opened (a refused form leaves that in the address bar), or words."""
    if request.method in ("GET", "HEAD") and (page := _page_above(request.path)):
        return HttpResponseRedirect(page)
    response = error_page(request, WrongMethod("This address cannot be opened or sent to in this way."))
    response["Allow"] = refused.headers["Allow"]
    return response


def _page_above(path: str) -> str:
    """The address of the one thing that an action's address is below; empty where there is none."""
    try:
        found = resolve(f"{path.rstrip('/').rpartition('/')[0]}/")
    except Resolver404:
        return ""
    return reverse(found.view_name, kwargs=found.kwargs) if found.kwargs else ""


def error_page(request: HttpRequest, error: DomainError) -> HttpResponse:
    """The refusal in words, with its status."""
    template = TEMPLATES.get(error.status, REFUSED)
    context = {"error_message": error.message, "back": _page_above(request.path) if template == REFUSED else ""}
    response = render(request, template, context, status=error.status)
    response["HX-Retarget"] = "#messages"
    response["HX-Reswap"] = "innerHTML show:window:top"
    response["HX-Reselect"] = ".bare-card > .card"
    return response
