"""Environments: where a session's tools run, and what of it applies on this machine."""

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from agents.access import access_environment, require_role
from agents.environment_config import MANAGERS
from agents.exceptions import Conflict, DomainError, EditedMeanwhile
from agents.forms.environments import EnvironmentForm, EnvironmentKeyForm
from agents.forms.parts import NameFilter
from agents.http import HtmxHttpRequest, go, newest_first, page
from agents.models import Environment, Role, Session, SessionKind, SessionStatus
from agents.services import environments as services
from agents.services.packages import states_of_packages
from agents.services.work_queue import stats_of
from agents.templatetags.ui import plural
from agents.views.asking import Crumb, ask_first, turned_back
from agents.views.editing import lay_over
from agents.views.once import once
from agents.views.tools import tools_problem

LIST, DETAIL = "agents/environment_list.html", "agents/environment_detail.html"
FORM = "agents/environment_form.html"
PAGE_SIZE = 50
SESSIONS_SHOWN = 12
KEYS_SHOWN = 200  # twice what may be live


@require_GET
@require_role(Role.VIEWER)
def environment_list(request: HtmxHttpRequest) -> HttpResponse:
    form = NameFilter(request.GET)
    found = Environment.objects.in_workspace(request.workspace).kept().filter(is_internal=False)
    rows = newest_first(request, form.narrow(found, "name"), size=PAGE_SIZE)
    context = {
        "section": "setup",
        "filter": form,
        "environments": rows.items,
        "next": rows.next_query(request),
        "may_write": request.member.is_admin,
    }
    return page(request, LIST, {**context, **tools_problem()}, partial={"environment-rows": "rows"})


@require_GET
@require_role(Role.VIEWER)
def environment_detail(request: HtmxHttpRequest, environment_id: str) -> HttpResponse:
    return show_environment(request, access_environment(request.actor, environment_id))


def show_environment(
    request: HtmxHttpRequest, environment: Environment, key_form: EnvironmentKeyForm | None = None, *, status: int = 200
) -> HttpResponse:
    """The environment's page; `key_form` is a form for a worker's key that was refused."""
    sessions = Session.objects.filter(environment=environment).exclude(kind=SessionKind.DREAM)
    packages = environment.config.get("packages") or {}
    context = {
        "section": "setup",
        "environment": environment,
        "networking": environment.config.get("networking"),
        "has_network": settings.LUCID_EGRESS,
        "packages": [(manager, packages[manager]) for manager in MANAGERS if packages.get(manager)],
        "package_states": states_of_packages(environment),
        "sessions": list(sessions.order_by("-created_at", "-pk")[:SESSIONS_SHOWN]),
        "may_write": request.member.is_admin and not environment.is_internal,
    }
    if environment.is_self_hosted:
        context |= {
            "keys": list(environment.keys.order_by("-created_at", "-pk")[:KEYS_SHOWN]),
            "key_form": key_form or EnvironmentKeyForm(),
            "queue": stats_of(environment),
            "base_url": base_url_of(request),
        }
    return page(request, DETAIL, {**context, **tools_problem()}, status=status)


def base_url_of(request: HtmxHttpRequest) -> str:
    """What a program gives the SDK to reach this server."""
    return request.build_absolute_uri("/").rstrip("/")


@require_http_methods(["GET", "POST"])
@require_role(Role.ADMIN)
@once
def environment_new(request: HtmxHttpRequest) -> HttpResponseBase:
    return _form_page(request, None)


@require_http_methods(["GET", "POST"])
@require_role(Role.ADMIN)
def environment_edit(request: HtmxHttpRequest, environment_id: str) -> HttpResponseBase:
    environment = access_environment(request.actor, environment_id)
    return turned_back(request, environment, "environment") or _form_page(request, environment)


@require_http_methods(["GET", "POST"])
@require_role(Role.ADMIN)
def environment_archive(request: HtmxHttpRequest, environment_id: str) -> HttpResponseBase:
    environment = access_environment(request.actor, environment_id)
    if request.method == "POST":
        services.archive_environment(environment, actor=request.actor)
        messages.success(request, f"{environment.name} is archived.")
        return go(request, "environment", environment.pk)
    return ask_first(
        request,
        f"Archive {environment.name}?",
        "It takes no more new sessions and no more changes; those that run in it go on. An archived environment "
        "cannot be brought back.",
        button="Archive",
        crumbs=environment_crumbs(environment),
        tab="environments",
    )


@require_http_methods(["GET", "POST"])
@require_role(Role.ADMIN)
def environment_delete(request: HtmxHttpRequest, environment_id: str) -> HttpResponseBase:
    """Refused while a session lives in it; the page says so before anybody presses."""
    environment = access_environment(request.actor, environment_id)
    problem = ""
    if request.method == "POST":
        try:
            services.delete_environment(environment, actor=request.actor)
        except Conflict as refusal:
            problem = refusal.message
        else:
            messages.success(request, f"{environment.name} is deleted.")
            return go(request, "environments")
    return ask_first(
        request,
        f"Delete {environment.name}?",
        "It is gone with the next click, and its name is free again. Sessions that ended in it stay to be read.",
        button="Delete",
        crumbs=environment_crumbs(environment),
        tab="environments",
        problem=problem or _why_kept(environment),
        status=409 if problem else 200,
    )


def environment_crumbs(environment: Environment) -> list[Crumb]:
    return [
        (reverse("environments"), "Environments"),
        (reverse("environment", args=[environment.pk]), environment.name),
    ]


def _why_kept(environment: Environment) -> str:
    live = Session.objects.filter(environment=environment, kind=SessionKind.AGENT)
    number = live.exclude(status=SessionStatus.TERMINATED).count()
    if not number:
        return ""
    it = "it" if number == 1 else "them"
    return (
        f"{plural(number, 'session that is not over lives,sessions that are not over live')} in it. Archive {it} first."
    )


def _form_page(request: HtmxHttpRequest, environment: Environment | None) -> HttpResponseBase:
    form = EnvironmentForm(request.POST if request.method == "POST" else None, before=environment)
    if request.method == "POST" and form.is_valid():
        try:
            if environment:
                saved = services.update_environment(environment, form.body(), actor=request.actor, edition=form.seen)
            else:
                saved = services.create_environment(form.body(), actor=request.actor)
        except EditedMeanwhile:
            assert environment
            lay_over(request, form, access_environment(request.actor, environment.pk))
        except Conflict as refusal:
            form.add_error("name", refusal.message)
        except DomainError as refusal:
            form.add_refusal(refusal)
        else:
            messages.success(request, "Saved." if environment else f"{saved.name} is ready.")
            return go(request, "environment", saved.pk)
    context = {"section": "setup", "environment": environment, "form": form}
    return page(request, FORM, context, status=form.status)
