"""How this browser shows the pages: colours and single-key shortcuts, kept in cookies."""

from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from agents.context_processors import SHORTCUTS_COOKIE, THEME_COOKIE, THEMES

YEAR_SECONDS = 365 * 86_400


@require_POST
def preferences(request: HttpRequest) -> HttpResponseBase:
    """Set one preference and go back to the page."""
    back = request.POST.get("next", "/")
    if not url_has_allowed_host_and_scheme(back, allowed_hosts={request.get_host()}):
        back = "/"
    response = HttpResponseRedirect(back)
    for cookie, allowed in ((THEME_COOKIE, THEMES), (SHORTCUTS_COOKIE, ("on", "off"))):
        value = request.POST.get(cookie, "")
        if value in allowed:
            response.set_cookie(cookie, value, max_age=YEAR_SECONDS, samesite="Lax", httponly=True)
    return response
