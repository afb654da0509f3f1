"""The hub of the pages where an admin sets things up."""

from django.http import HttpResponse
from django.views.decorators.http import require_GET

from agents.access import require_role
from agents.http import HtmxHttpRequest, page
from agents.models import Role
from agents.templatetags.setup import sections_for


@require_GET
@require_role(Role.VIEWER)
def setup(request: HtmxHttpRequest) -> HttpResponse:
    return page(request, "agents/setup.html", {"section": "setup", "sections": sections_for(request.member)})
