"""What runs here and how it fares, on one page that refreshes itself."""

from django.http import HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from agents.access import require_role
from agents.http import HtmxHttpRequest, page
from agents.models import Role
from agents.services.operations import overview


@never_cache
@require_GET
@require_role(Role.ADMIN)
def operations(request: HtmxHttpRequest) -> HttpResponse:
    return page(request, "agents/operations.html", {"section": "setup", **overview(request.member)}, partial="now")
