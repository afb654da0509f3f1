"""Keys of programs: the list, a new one that is shown once, replacing and revoking one."""

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.urls import reverse
from django.utils.html import format_html
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from agents.access import access_api_key, require_role
from agents.forms.api_keys import SCOPE_WORDS, ApiKeyForm
from agents.http import HtmxHttpRequest, go, newest_first, page
from agents.models import ApiKey, Role
from agents.services import api_keys as services
from agents.templatetags.ui import when
from agents.views.asking import ask_first
from agents.views.once import once, show_once

PAGE_SIZE = 50


@never_cache
@require_http_methods(["GET", "POST"])
@require_role(Role.ADMIN)
@once
def api_key_list(request: HtmxHttpRequest) -> HttpResponse:
    """The keys; a new one is shown in the answer to the form, and never again."""
    form = ApiKeyForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        key, text = services.issue_api_key(request.workspace, **form.cleaned_data, actor=request.actor)
        return _shown(request, key, text)
    found = ApiKey.objects.in_workspace(request.workspace).select_related("created_by__user")
    rows = newest_first(request, found, size=PAGE_SIZE)
    context = {
        "section": "setup",
        "keys": rows.items,
        "next": rows.next_query(request),
        "form": form,
        "base_url": _base_url(request),
    }
    return page(request, "agents/api_key_list.html", context, status=422 if form.is_bound else 200)


@require_GET
@require_role(Role.ADMIN)
def api_key_detail(request: HtmxHttpRequest, key_id: str) -> HttpResponse:
    key = access_api_key(request.actor, key_id)
    return page(request, "agents/api_key_detail.html", {"section": "setup", "key": key, "rights": _rights(key)})


@never_cache
@require_POST
@require_role(Role.ADMIN)
@once
def api_key_rotate(request: HtmxHttpRequest, key_id: str) -> HttpResponse:
    """A second key with the same rights; both work until the first is revoked."""
    old = access_api_key(request.actor, key_id)
    key, text = services.rotate_api_key(old, actor=request.actor)
    return _shown(request, key, text, old)


@require_http_methods(["GET", "POST"])
@require_role(Role.ADMIN)
def api_key_revoke(request: HtmxHttpRequest, key_id: str) -> HttpResponseBase:
    """Asks first: it cannot be undone."""
    key = access_api_key(request.actor, key_id)
    if request.method == "POST":
        services.revoke_api_key(key, actor=request.actor)
        messages.success(request, f"The key {key} is revoked. Programs that still use it get 401.")
        return go(request, "api-keys")
    works = format_html(
        "The key <code>{}…</code> stops working at once, for ever: every program that uses it gets <code>401</code>. "
        "It was last used {}. What it did stays on record.",
        key.prefix,
        when(key.last_used_at, "never"),
    )
    return ask_first(
        request,
        f"Revoke {key.name}?",
        format_html("It was revoked {}.", when(key.revoked_at)) if key.revoked_at else works,
        button="" if key.revoked_at else "Revoke",
        crumbs=[(reverse("api-keys"), "API keys"), (reverse("api-key", args=[key.pk]), key.name)],
        tab="api-keys",
    )


def _shown(request: HtmxHttpRequest, key: ApiKey, text: str, old: ApiKey | None = None) -> HttpResponse:
    context = {
        "section": "setup",
        "key": key,
        "text": text,
        "old": old,
        "rights": _rights(key),
        "base_url": _base_url(request),
    }
    lost = reverse("api-key", args=[key.pk])
    return show_once(request, "agents/api_key_shown.html", context, what=f"the key {key}", lost=lost)


def _rights(key: ApiKey) -> list[str]:
    return [words for scope, words in SCOPE_WORDS.items() if key.has_scope(scope)]


def _base_url(request: HtmxHttpRequest) -> str:
    return request.build_absolute_uri("/").rstrip("/")
