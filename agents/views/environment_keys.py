"""Keys of a self-hosted environment's workers: a new one that is shown once, and revoking one."""

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.urls import reverse
from django.utils.html import format_html
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from agents.access import access_environment, access_environment_key, require_role
from agents.exceptions import InvalidRequest
from agents.forms.environments import EnvironmentKeyForm
from agents.http import HtmxHttpRequest, go
from agents.models import Role
from agents.services.environment_keys import issue_environment_key, revoke_environment_key
from agents.templatetags.ui import when
from agents.views.asking import ask_first
from agents.views.environments import base_url_of, environment_crumbs, show_environment
from agents.views.once import once, show_once


@never_cache
@require_POST
@require_role(Role.ADMIN)
@once
def environment_key_new(request: HtmxHttpRequest, environment_id: str) -> HttpResponse:
    environment = access_environment(request.actor, environment_id)
    form = EnvironmentKeyForm(request.POST)
    if form.is_valid():
        try:
            name, may_confirm = form.cleaned_data["key_name"], form.cleaned_data["may_confirm"]
            key, text = issue_environment_key(environment, name, may_confirm=may_confirm, actor=request.actor)
        except InvalidRequest as refusal:
            form.add_error("key_name", refusal.message)
        else:
            context = {"section": "setup", "environment": environment, "key": key, "text": text}
            shown = {**context, "base_url": base_url_of(request)}
            what, lost = f"the key {key}", reverse("environment", args=[environment.pk])
            return show_once(request, "agents/environment_key_shown.html", shown, what=what, lost=lost)
    return show_environment(request, environment, form, status=422)


@require_http_methods(["GET", "POST"])
@require_role(Role.ADMIN)
def environment_key_revoke(request: HtmxHttpRequest, environment_id: str, key_id: str) -> HttpResponseBase:
    """Asks first: it cannot be undone."""
    environment = access_environment(request.actor, environment_id)
    key = access_environment_key(environment, key_id)
    if request.method == "POST":
        revoke_environment_key(key, actor=request.actor)
        messages.success(request, f"The key {key} is revoked. Workers that poll with it get 401 and end.")
        return go(request, "environment", environment.pk)
    works = format_html(
        "The key <code>{}…</code> stops working at once, for ever: workers that poll with it get <code>401</code> and "
        "end. A session that one of them serves right now may finish. It was last used {}.",
        key.prefix,
        when(key.last_used_at, "never"),
    )
    return ask_first(
        request,
        f"Revoke {key.name}?",
        format_html("It was revoked {}.", when(key.revoked_at)) if key.revoked_at else works,
        button="" if key.revoked_at else "Revoke",
        crumbs=environment_crumbs(environment),
        tab="environments",
    )
