"""Pages of dream schedules: what is dreamt about by the clock, when next, and what came of every time."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.db.models import OuterRef, Subquery
from django.http import HttpResponse, HttpResponseBase
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from agents import cron
from agents.access import require_role
from agents.exceptions import DomainError, EditedMeanwhile, InvalidRequest
from agents.http import HtmxHttpRequest, go, newest_first, page
from agents.models import Agent, Role
from agents.views.asking import ask_first
from agents.views.editing import lay_over
from agents.views.once import once
from dreams import policies
from dreams.access import access_policy
from dreams.forms import PolicyForm
from dreams.models import DreamPolicy, DreamPolicyRun, PolicyRunResult
from memory.models import MemoryStore, Tier

PAGE_SIZE = 40
RUNS_SHOWN = 20


@require_GET
@require_role(Role.VIEWER)
def policy_list(request: HtmxHttpRequest) -> HttpResponse:
    rows = DreamPolicy.objects.in_workspace(request.workspace).live().select_related("agent", "store")
    shown = newest_first(request, rows, size=PAGE_SIZE)
    latest = _latest_runs(shown.items)
    context = {
        "section": "dreams",
        "policies": [{"policy": policy, "run": latest.get(policy.pk)} for policy in shown.items],
        "next": shown.next_query(request),
    }
    return page(request, "dreams/policy_list.html", context)


@require_GET
@require_role(Role.VIEWER)
def policy_detail(request: HtmxHttpRequest, policy_id: str) -> HttpResponse:
    """How it dreams, when next, and every time that it was due."""
    policy = access_policy(request.actor, policy_id)
    runs = newest_first(request, DreamPolicyRun.objects.filter(policy=policy), size=RUNS_SHOWN)
    context = {
        "section": "dreams",
        "policy": policy,
        "runs": runs.items,
        "next": runs.next_query(request),
        "ahead": [] if policy.is_archived or not policy.cron else _ahead(policy.cron, policy.timezone),
    }
    return page(request, "dreams/policy_detail.html", context)


@require_http_methods(["GET", "POST"])
@require_role(Role.ADMIN)
@once
def policy_new(request: HtmxHttpRequest) -> HttpResponseBase:
    form = _form(request, initial=PolicyForm.usual())
    if form.is_valid():
        try:
            policy = policies.create_policy(form.body(), actor=request.actor)
        except DomainError as error:
            form.add_refusal(error)
        else:
            return go(request, "dream-policy", policy.pk)
    return _form_page(request, form)


@require_http_methods(["GET", "POST"])
@require_role(Role.ADMIN)
def policy_edit(request: HtmxHttpRequest, policy_id: str) -> HttpResponseBase:
    policy = access_policy(request.actor, policy_id)
    form = _form(request, initial=PolicyForm.showing(policy), policy=policy)
    if form.is_valid():
        try:
            policies.update_policy(policy, form.body(), actor=request.actor, edition=form.seen)
        except EditedMeanwhile:
            lay_over(request, form, access_policy(request.actor, policy_id))
        except DomainError as error:
            form.add_refusal(error)
        else:
            return go(request, "dream-policy", policy.pk)
    return _form_page(request, form, policy)


@require_GET
@require_role(Role.VIEWER)
def policy_preview(request: HtmxHttpRequest) -> HttpResponse:
    """The next times of a schedule that somebody is typing."""
    context = _preview(request.GET.get("cron", ""), request.GET.get("timezone", "UTC"))
    return page(request, "dreams/schedule_preview.html", context)


@require_POST
@require_role(Role.REVIEWER)
@once
def policy_run(request: HtmxHttpRequest, policy_id: str) -> HttpResponseBase:
    """Dream now; where there is nothing to dream about the page says why."""
    policy = access_policy(request.actor, policy_id)
    run = policies.run_policy(policy, actor=request.actor)
    if run.result == PolicyRunResult.STARTED:
        return go(request, "dream", run.dream_id)
    messages.info(request, run.reason)
    return go(request, "dream-policy", policy.pk)


@require_POST
@require_role(Role.ADMIN)
def policy_pause(request: HtmxHttpRequest, policy_id: str) -> HttpResponseBase:
    return _enable(request, policy_id, enabled=False)


@require_POST
@require_role(Role.ADMIN)
def policy_resume(request: HtmxHttpRequest, policy_id: str) -> HttpResponseBase:
    return _enable(request, policy_id, enabled=True)


@require_http_methods(["GET", "POST"])
@require_role(Role.ADMIN)
def policy_archive(request: HtmxHttpRequest, policy_id: str) -> HttpResponseBase:
    """Final, so it asks first."""
    policy = access_policy(request.actor, policy_id)
    if request.method == "POST":
        policies.archive_policy(policy, actor=request.actor)
        return go(request, "dream-policies")
    pause = " To stop it for a while, pause it instead." if policy.is_enabled else ""
    return ask_first(
        request,
        f"Archive {policy.name}?",
        "This schedule will not dream any more. This is final. Its dreams, their proposals and the record of every "
        f"time it was due stay.{pause}",
        button="Archive it",
        crumbs=[
            (reverse("dream-policies"), "Schedules"),
            (reverse("dream-policy", args=[policy.pk]), policy.name),
        ],
        section="dreams",
    )


def _enable(request: HtmxHttpRequest, policy_id: str, *, enabled: bool) -> HttpResponseBase:
    policy = access_policy(request.actor, policy_id)
    policies.update_policy(policy, {"enabled": enabled}, actor=request.actor)
    return go(request, "dream-policy", policy.pk)


def _form(request: HtmxHttpRequest, *, initial: dict[str, Any], policy: DreamPolicy | None = None) -> PolicyForm:
    form = PolicyForm(request.POST if request.method == "POST" else None, initial=initial)
    stores = MemoryStore.objects.in_workspace(request.workspace).live()
    stores = stores.filter(tier=Tier.WORKING, unreviewed_review_id=None).order_by("name")
    agents = Agent.objects.in_workspace(request.workspace).live().filter(is_internal=False).order_by("name")
    kept = [policy.agent] if policy and policy.agent and policy.agent.is_archived else []
    form.offer(stores, [*agents, *kept])
    return form


def _form_page(request: HtmxHttpRequest, form: PolicyForm, policy: DreamPolicy | None = None) -> HttpResponse:
    context = {
        "section": "dreams",
        "form": form,
        "policy": policy,
        **_preview(form["cron"].value() or "", form["timezone"].value() or "UTC"),
    }
    return page(request, "dreams/policy_form.html", context, status=form.status)


def _preview(expression: str, zone: str) -> dict[str, Any]:
    """The coming times, or what is wrong with the line."""
    if not expression.strip():
        return {"ahead": [], "problem": ""}
    try:
        return {"ahead": _ahead(expression, zone), "zone": zone, "problem": ""}
    except InvalidRequest as error:
        return {"ahead": [], "problem": error.message.partition(": ")[2] or error.message}


def _ahead(expression: str, zone: str) -> list[datetime]:
    return cron.upcoming(expression, zone, timezone.now())


def _latest_runs(shown: Sequence[DreamPolicy]) -> dict[str, DreamPolicyRun]:
    """The last run of each."""
    newest = DreamPolicyRun.objects.filter(policy=OuterRef("pk")).order_by("-created_at", "-pk").values("pk")[:1]
    latest = DreamPolicy.objects.filter(pk__in=[policy.pk for policy in shown]).values(latest=Subquery(newest))
    return {run.policy_id: run for run in DreamPolicyRun.objects.filter(pk__in=latest)}
