"""Pages of deployments: the list, one with its runs, the form, and the buttons that run, pause and archive it."""

from decimal import Decimal
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from agents.access import access_deployment, require_role
from agents.actors import Actor
from agents.exceptions import DomainError, EditedMeanwhile
from agents.forms.deployments import STORE, DeploymentFilter, DeploymentForm, Preview, by_clocks_of
from agents.http import HtmxHttpRequest, go, newest_first, page
from agents.models import Agent, Deployment, DeploymentRun, Environment, Role
from agents.plugs import resource_kinds
from agents.services import deployments as services
from agents.services.deployment_recipes import resources_with_tokens
from agents.services.deployment_runs import author_of, run_deployment
from agents.views.asking import ask_first, turned_back
from agents.views.editing import lay_over
from agents.views.once import once

LIST, DETAIL = "agents/deployment_list.html", "agents/deployment_detail.html"
FORM = "agents/deployment_form.html"
PAGE_SIZE = 50
RUNS_SHOWN = 25
OFFERED_MAX = 500
OPENING_MAX_CHARS = 2_000  # of each text; the session shows all of it


@require_GET
@require_role(Role.VIEWER)
def deployment_list(request: HtmxHttpRequest) -> HttpResponse:
    form = DeploymentFilter(request.GET)
    found = Deployment.objects.in_workspace(request.workspace).select_related("agent")
    rows = newest_first(request, form.narrow(found), size=PAGE_SIZE)
    context = {
        "section": "setup",
        "form": form,
        "deployments": rows.items,
        "next": rows.next_query(request),
        "is_filtered": form.is_narrowing,
        "may_write": request.member.is_admin,
    }
    return page(request, LIST, context, partial={"deployment-rows": "rows"})


@require_GET
@require_role(Role.VIEWER)
def deployment_detail(request: HtmxHttpRequest, deployment_id: str) -> HttpResponse:
    deployment = access_deployment(request.actor, deployment_id)
    found = DeploymentRun.objects.filter(deployment=deployment)
    runs = newest_first(request, found, size=RUNS_SHOWN)
    context = {
        "section": "setup",
        "deployment": deployment,
        "author": author_of(deployment).name,
        "opening": _opening(deployment),
        "attached": _attached(request.actor, deployment),
        "budget_usd": Decimal(deployment.budget["max_list_cost"]["amount"]) / 100 if deployment.budget else None,
        "ahead": by_clocks_of(deployment.timezone, services.upcoming_runs(deployment, timezone.now())),
        "runs": runs.items,
        "next": runs.next_query(request),
        "may_write": request.member.is_admin,
    }
    return page(request, DETAIL, context)


@require_http_methods(["GET", "POST"])
@require_role(Role.ADMIN)
@once
def deployment_new(request: HtmxHttpRequest) -> HttpResponseBase:
    form = _form(request)
    if form.is_valid():
        try:
            deployment = services.create_deployment(form.body(), actor=request.actor)
        except DomainError as refusal:
            form.add_refusal(refusal)
        else:
            messages.success(request, f"{deployment.name} is deployed.")
            return go(request, "deployment", deployment.pk)
    return _form_page(request, form)


@require_http_methods(["GET", "POST"])
@require_role(Role.ADMIN)
def deployment_edit(request: HtmxHttpRequest, deployment_id: str) -> HttpResponseBase:
    deployment = access_deployment(request.actor, deployment_id)
    if page_of_it := turned_back(request, deployment, "deployment"):
        return page_of_it
    form = _form(request, deployment)
    if form.is_valid():
        try:
            body = form.body(resources_with_tokens(deployment))
            services.update_deployment(deployment, body, actor=request.actor, edition=form.seen)
        except EditedMeanwhile:
            lay_over(request, form, access_deployment(request.actor, deployment_id))
        except DomainError as refusal:
            form.add_refusal(refusal)
        else:
            messages.success(request, "Saved.")
            return go(request, "deployment", deployment.pk)
    return _form_page(request, form)


@require_GET
@require_role(Role.VIEWER)
def deployment_preview(request: HtmxHttpRequest) -> HttpResponse:
    """The next times of a schedule that somebody is typing."""
    preview = Preview.of(request.GET.get("expression", ""), request.GET.get("timezone", "UTC"), timezone.now())
    return page(request, "agents/schedule_preview.html", {"preview": preview})


@require_POST
@require_role(Role.ADMIN)
@once
def deployment_run(request: HtmxHttpRequest, deployment_id: str) -> HttpResponseBase:
    """Start a session now and go there; the page says why there is none."""
    deployment = access_deployment(request.actor, deployment_id)
    run = run_deployment(deployment, actor=request.actor)
    if run.error:
        messages.error(request, f"No session was started. {run.error['message']}")
        return go(request, "deployment", deployment.pk)
    return go(request, "session", run.session_id)


@require_POST
@require_role(Role.ADMIN)
def deployment_pause(request: HtmxHttpRequest, deployment_id: str) -> HttpResponseBase:
    deployment = services.pause_deployment(access_deployment(request.actor, deployment_id), actor=request.actor)
    return go(request, "deployment", deployment.pk)


@require_POST
@require_role(Role.ADMIN)
def deployment_unpause(request: HtmxHttpRequest, deployment_id: str) -> HttpResponseBase:
    deployment = services.unpause_deployment(access_deployment(request.actor, deployment_id), actor=request.actor)
    return go(request, "deployment", deployment.pk)


@require_http_methods(["GET", "POST"])
@require_role(Role.ADMIN)
def deployment_archive(request: HtmxHttpRequest, deployment_id: str) -> HttpResponseBase:
    """Asks first: there is no way back."""
    deployment = access_deployment(request.actor, deployment_id)
    if request.method == "POST":
        services.archive_deployment(deployment, actor=request.actor)
        messages.success(request, f"{deployment.name} is archived.")
        return go(request, "deployments")
    return ask_first(
        request,
        f"Archive {deployment.name}?",
        "It is archived already."
        if deployment.is_archived
        else "It starts nothing any more, for ever. Sessions that it started go on, and its runs stay on record. To "
        "stop it for a while, pause it.",
        button="" if deployment.is_archived else "Archive",
        crumbs=[
            (reverse("deployments"), "Deployments"),
            (reverse("deployment", args=[deployment.pk]), deployment.name),
        ],
        tab="deployments",
    )


def _opening(deployment: Deployment) -> list[str]:
    """What its sessions begin with, as far as it is text."""
    return [
        str(block.get("text") or f"({block['type']})")[:OPENING_MAX_CHARS]
        for event in deployment.initial_events
        for block in event.get("content") or [{"type": event["type"]}]
    ]


def _attached(actor: Actor, deployment: Deployment) -> list[tuple[str, str]]:
    """The kind of each resource, and what people call it."""
    names = dict(_stores(actor)) if deployment.resources else {}
    ids = [entry.get("memory_store_id") or entry.get("file_id") or entry["url"] for entry in deployment.resources]
    return [(entry["type"], names.get(pk, pk)) for entry, pk in zip(deployment.resources, ids, strict=True)]


def _form(request: HtmxHttpRequest, kept: Deployment | None = None) -> DeploymentForm:
    """Unbound, hence never valid, also where somebody only wants to see what the schedule comes to."""
    if "check" in request.POST:
        form = DeploymentForm.as_typed(request.POST, kept=kept)
    else:
        form = DeploymentForm(request.POST if request.method == "POST" else None, kept=kept)
    agents = Agent.objects.in_workspace(request.workspace).live().filter(is_internal=False)
    environments = Environment.objects.in_workspace(request.workspace).kept().live().filter(is_internal=False)
    form.offer(
        agents=[(row.pk, f"{row.name} (latest: version {row.version})") for row in _first(agents)],
        environments=[(row.pk, row.name) for row in _first(environments)],
        stores=_stores(request.actor),
    )
    return form


def _form_page(request: HtmxHttpRequest, form: DeploymentForm) -> HttpResponse:
    typed = form["expression"].value() or "", form["timezone"].value() or "UTC"
    others = [entry for entry in form.kept.resources if entry["type"] != STORE] if form.kept else []
    context = {
        "section": "setup",
        "form": form,
        "deployment": form.kept,
        "others": others,
        "preview": Preview.of(*typed, timezone.now()),
    }
    return page(request, FORM, context, status=form.status)


def _first(rows: Any) -> list[Any]:
    return list(rows.order_by("name")[:OFFERED_MAX])


def _stores(actor: Actor) -> list[tuple[str, str]]:
    """What the kind of resource offers; the kernel does not know stores."""
    choices: list[tuple[str, str]] = resource_kinds()[STORE].choices(actor)
    return choices
