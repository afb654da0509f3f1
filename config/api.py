"""One API: every app's routers, one way in, one way to fail."""

from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.urls import URLPattern, URLResolver, path
from django.views.decorators.csrf import csrf_exempt
from ninja import NinjaAPI

from agents.api import (
    agents,
    audit_events,
    costs,
    deployments,
    environments,
    files,
    operations,
    sessions,
    skills,
    vaults,
    webhooks,
)
from agents.api.auth import authenticate
from agents.api.document_page import serve_page
from agents.api.errors import register_handlers
from agents.api.openapi import serve_document
from agents.api.rendering import Renderer
from agents.api.stream import match_api_stream
from dreams import api as dreams
from dreams import policy_api as dream_policies
from memory import api as memory

api = NinjaAPI(
    title="Lucid",
    version="v1",
    auth=authenticate,
    renderer=Renderer(),
    docs_url=None,
    openapi_url=None,
    urls_namespace="api",
)
register_handlers(api)
api.add_router("/agents", agents.router)
api.add_router("/environments", environments.router)
api.add_router("/files", files.router)
api.add_router("/sessions", sessions.router)
api.add_router("/deployments", deployments.router)
api.add_router("/deployment_runs", deployments.runs_router)
api.add_router("/skills", skills.router)
api.add_router("/audit_events", audit_events.router)
api.add_router("/vaults", vaults.router)
api.add_router("/organizations/webhooks", webhooks.router)
api.add_router("/costs", costs.router)
api.add_router("/operations", operations.router)
api.add_router("/memory_stores", memory.router)
api.add_router("/dreams", dreams.dreams_router)
api.add_router("/dream_policies", dream_policies.router)
api.add_router("/reviews", dreams.reviews_router)
api.add_router("/proposals", dreams.proposals_router)


@csrf_exempt  # an API client that mistook the address must read so, not that a form was forged
def _nothing_here(request: HttpRequest, rest: str = "") -> HttpResponse:
    """An unknown address under /v1 is an API error, never a page; streams are served before Django is asked."""
    return HttpResponseNotAllowed(["GET"]) if match_api_stream(request.path) else HttpResponse(status=404)


urlpatterns: list[URLPattern | URLResolver] = [
    path("openapi.json", csrf_exempt(serve_document(api)), name="openapi"),
    path("docs", csrf_exempt(serve_page(api)), name="api-page"),
    path("", _nothing_here),
    path("", api.urls),
    path("<path:rest>", _nothing_here),
]
