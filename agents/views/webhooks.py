"""Webhook endpoints; a signing secret is shown in the answer to the form that made it, and never again."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from agents.access import access_webhook_endpoint, has_role, require_role
from agents.editions import edition_of
from agents.exceptions import DomainError, EditedMeanwhile
from agents.forms.webhooks import WebhookForm
from agents.http import HtmxHttpRequest, go, page
from agents.models import EndpointState, Role, WebhookEndpoint
from agents.services import webhooks as services
from agents.views.asking import ask_first
from agents.views.editing import lay_over
from agents.views.once import once, show_once


@require_GET
@require_role(Role.VIEWER)
def webhook_list(request: HtmxHttpRequest) -> HttpResponse:
    endpoints = list(WebhookEndpoint.objects.in_workspace(request.workspace).newest_first())
    return page(request, "agents/webhook_list.html", {**_context(request), "endpoints": endpoints})


@never_cache
@require_http_methods(["GET", "POST"])
@require_role(Role.ADMIN)
@once
def webhook_new(request: HtmxHttpRequest) -> HttpResponse:
    form = WebhookForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            endpoint, secret = services.create_endpoint(form.said, actor=request.actor)
            return _shown(request, endpoint, secret)
        except DomainError as error:
            form.add_refusal(error)
    context = {**_context(request), "form": form, "endpoint": None}
    return page(request, "agents/webhook_form.html", context, status=422 if form.is_bound else 200)


@require_GET
@require_role(Role.VIEWER)
def webhook_detail(request: HtmxHttpRequest, endpoint_id: str) -> HttpResponse:
    endpoint = access_webhook_endpoint(request.actor, endpoint_id)
    return page(request, "agents/webhook_detail.html", {**_context(request), "endpoint": endpoint})


@require_http_methods(["GET", "POST"])
@require_role(Role.ADMIN)
def webhook_edit(request: HtmxHttpRequest, endpoint_id: str) -> HttpResponseBase:
    endpoint = access_webhook_endpoint(request.actor, endpoint_id)
    form = WebhookForm(request.POST if request.method == "POST" else None, endpoint=endpoint)
    if form.is_valid():
        try:
            services.update_endpoint(endpoint, form.said, actor=request.actor, edition=form.seen)
            return go(request, "webhook", endpoint.pk)
        except EditedMeanwhile:
            lay_over(request, form, access_webhook_endpoint(request.actor, endpoint_id))
        except DomainError as error:
            form.add_refusal(error)
    context = {**_context(request), "form": form, "endpoint": endpoint}
    return page(request, "agents/webhook_form.html", context, status=form.status)


@require_POST
@require_role(Role.ADMIN)
def webhook_state(request: HtmxHttpRequest, endpoint_id: str) -> HttpResponseBase:
    """Stop telling it, or go on."""
    endpoint = access_webhook_endpoint(request.actor, endpoint_id)
    state = EndpointState.ENABLED if request.POST.get("state") == EndpointState.ENABLED else EndpointState.DISABLED
    services.update_endpoint(endpoint, {"state": state.value}, actor=request.actor)
    return go(request, "webhook", endpoint.pk)


@never_cache
@require_http_methods(["GET", "POST"])
@require_role(Role.ADMIN)
@once
def webhook_secret(request: HtmxHttpRequest, endpoint_id: str) -> HttpResponse:
    """Asks first: the old secret is dead at once, which must not be one that somebody else has just been shown."""
    endpoint = access_webhook_endpoint(request.actor, endpoint_id)
    problem = ""
    if request.method == "POST":
        seen = request.POST.get("edition", "")
        try:
            return _shown(request, endpoint, services.regenerate_secret(endpoint, actor=request.actor, edition=seen))
        except EditedMeanwhile:
            problem = "The secret was replaced since this page was shown. Nothing was done now: go back to see when."
    asked = {
        "title": f"Replace the signing secret of {endpoint}?",
        "text": "The old secret signs nothing from that moment on: a receiver that still checks with it refuses what "
        "it is told until it has the new one, which is shown once.",
        "button": "Replace the secret",
        "problem": problem,
        "status": 409 if problem else 200,
        "edition": edition_of(endpoint),
    }
    return _confirm(request, endpoint, asked)


@require_http_methods(["GET", "POST"])
@require_role(Role.ADMIN)
def webhook_delete(request: HtmxHttpRequest, endpoint_id: str) -> HttpResponseBase:
    endpoint = access_webhook_endpoint(request.actor, endpoint_id)
    if request.method == "POST":
        services.delete_endpoint(endpoint, actor=request.actor)
        messages.success(request, f"{endpoint} is deleted; it is told of nothing more.")
        return go(request, "webhooks")
    asked = {
        "title": f"Delete {endpoint}?",
        "text": "It is told of nothing more, and its secret is gone for good.",
        "button": "Delete the endpoint",
    }
    return _confirm(request, endpoint, asked)


def _shown(request: HtmxHttpRequest, endpoint: WebhookEndpoint, secret: str) -> HttpResponse:
    context = {**_context(request), "endpoint": endpoint, "secret": secret}
    what, lost = f"the signing secret of {endpoint}", reverse("webhook", args=[endpoint.pk])
    return show_once(request, "agents/webhook_shown.html", context, what=what, lost=lost)


def _confirm(request: HtmxHttpRequest, endpoint: WebhookEndpoint, asked: dict[str, Any]) -> HttpResponse:
    crumbs = [(reverse("webhooks"), "Webhooks"), (reverse("webhook", args=[endpoint.pk]), str(endpoint))]
    return ask_first(request, **asked, crumbs=crumbs, tab="webhooks")


def _context(request: HtmxHttpRequest) -> dict[str, Any]:
    return {"section": "setup", "here": "webhooks", "may_change": has_role(request.member, Role.ADMIN)}
