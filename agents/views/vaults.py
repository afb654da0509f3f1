"""Vaults and their credentials: what is secret goes in and is never shown again."""

from typing import Any

from django.contrib import messages
from django.db.models import Count, Q
from django.http import HttpResponse, HttpResponseBase
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from agents.access import access_credential, access_vault, has_role, require_role
from agents.exceptions import DomainError, EditedMeanwhile, NotFound
from agents.forms.parts import NameFilter
from agents.forms.vaults import CREDENTIAL_FORMS, CredentialForm, VaultForm
from agents.http import HtmxHttpRequest, go, newest_first, page
from agents.models import AuthType, Credential, Role, Vault
from agents.services import vaults as services
from agents.services.credential_checks import validate_oauth
from agents.views.asking import ask_first, turned_back
from agents.views.editing import lay_over
from agents.views.once import once

PAGE_SIZE = 50
KIND_WORDS = {
    "static_bearer": "bearer token",
    "mcp_oauth": "OAuth tokens",
    "environment_variable": "environment variable",
}
FOUND_WORDS = {
    "valid": "The MCP server takes the token.",
    "invalid": "The MCP server refuses the token.",
    "unknown": "Whether the token works could not be told: the server did not answer as an MCP server does.",
}
REFRESH_WORDS = {
    "succeeded": "A fresh token was fetched and kept.",
    "failed": "The token endpoint refused to give a fresh one.",
    "connect_error": "The token endpoint could not be reached.",
    "no_refresh_token": "There is no refresh token to fetch a fresh one with.",
}
NOTE_OF = {"valid": messages.SUCCESS, "invalid": messages.ERROR, "unknown": messages.WARNING}


@require_GET
@require_role(Role.VIEWER)
def vault_list(request: HtmxHttpRequest) -> HttpResponse:
    vaults = Vault.objects.in_workspace(request.workspace).annotate(
        active=Count("credentials", filter=Q(credentials__archived_at=None))
    )
    form = NameFilter(request.GET)
    rows = newest_first(request, form.narrow(vaults, "display_name"), size=PAGE_SIZE)
    context = {**_context(request), "filter": form, "vaults": rows.items, "next": rows.next_query(request)}
    return page(request, "agents/vault_list.html", context, partial={"vault-rows": "rows"})


@require_http_methods(["GET", "POST"])
@require_role(Role.ADMIN)
@once
def vault_new(request: HtmxHttpRequest) -> HttpResponseBase:
    form = VaultForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        vault = services.create_vault(form.said, actor=request.actor)
        return go(request, "vault", vault.pk)
    context = {**_context(request), "form": form, "vault": None}
    return page(request, "agents/vault_form.html", context, status=422 if form.is_bound else 200)


@require_GET
@require_role(Role.VIEWER)
def vault_detail(request: HtmxHttpRequest, vault_id: str) -> HttpResponse:
    vault = access_vault(request.actor, vault_id)
    credentials = vault.credentials.order_by("archived_at", "-created_at", "-pk")
    rows = [(credential, KIND_WORDS[credential.auth_type]) for credential in credentials]
    return page(request, "agents/vault_detail.html", {**_context(request), "vault": vault, "credentials": rows})


@require_http_methods(["GET", "POST"])
@require_role(Role.ADMIN)
def vault_edit(request: HtmxHttpRequest, vault_id: str) -> HttpResponseBase:
    vault = access_vault(request.actor, vault_id)
    if page_of_it := turned_back(request, vault, "vault"):
        return page_of_it
    form = VaultForm(request.POST or None, initial=VaultForm.showing(vault))
    if form.is_valid():
        try:
            services.update_vault(vault, form.said, actor=request.actor, edition=form.seen)
            return go(request, "vault", vault.pk)
        except EditedMeanwhile:
            lay_over(request, form, access_vault(request.actor, vault_id))
        except DomainError as error:
            form.add_refusal(error)
    context = {**_context(request), "form": form, "vault": vault}
    return page(request, "agents/vault_form.html", context, status=form.status)


@require_http_methods(["GET", "POST"])
@require_role(Role.ADMIN)
def vault_archive(request: HtmxHttpRequest, vault_id: str) -> HttpResponseBase:
    vault = access_vault(request.actor, vault_id)
    if request.method == "POST":
        services.archive_vault(vault, actor=request.actor)
        messages.success(request, f"{vault} is archived, and the secrets in it are wiped.")
        return go(request, "vault", vault.pk)
    asked = {
        "title": f"Archive {vault}?",
        "text": "Its credentials are archived with it and their secrets are wiped for good. Sessions that use it go on "
        "without them; new ones cannot name it.",
        "button": "Archive the vault",
    }
    return _confirm(request, vault, asked)


@require_http_methods(["GET", "POST"])
@require_role(Role.ADMIN)
def vault_delete(request: HtmxHttpRequest, vault_id: str) -> HttpResponseBase:
    vault = access_vault(request.actor, vault_id)
    if request.method == "POST":
        services.delete_vault(vault, actor=request.actor)
        messages.success(request, f"{vault} is deleted with everything in it.")
        return go(request, "vaults")
    asked = {
        "title": f"Delete {vault}?",
        "text": "The vault and every credential in it are gone for good; only the audit log still names them.",
        "button": "Delete the vault",
    }
    return _confirm(request, vault, asked)


@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
@require_role(Role.ADMIN)
@once
def credential_new(request: HtmxHttpRequest, vault_id: str) -> HttpResponseBase:
    vault = access_vault(request.actor, vault_id)
    if page_of_it := turned_back(request, vault, "vault"):
        return page_of_it
    kind = request.GET.get("kind", AuthType.STATIC_BEARER)
    if kind not in CREDENTIAL_FORMS:
        raise NotFound(f"There is no credential of the kind {kind!r}.")
    form = CREDENTIAL_FORMS[kind](request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            credential = services.create_credential(vault, form.body(), actor=request.actor)
            messages.success(request, f"{credential} is in the vault. Its secret is sealed: nothing shows it again.")
            return go(request, "vault", vault.pk)
        except DomainError as error:
            form.add_refusal(error)
    return _credential_page(request, vault, form)


@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
@require_role(Role.ADMIN)
def credential_edit(request: HtmxHttpRequest, vault_id: str, credential_id: str) -> HttpResponseBase:
    vault = access_vault(request.actor, vault_id)
    credential = access_credential(vault, credential_id)
    data = request.POST if request.method == "POST" else None
    form = CREDENTIAL_FORMS[credential.auth_type](data, credential=credential)
    if form.is_valid():
        try:
            services.update_credential(credential, form.body(), actor=request.actor, edition=form.seen)
            messages.success(request, f"{credential} is changed.")
            return go(request, "vault", vault.pk)
        except EditedMeanwhile:
            lay_over(request, form, access_credential(vault, credential_id))
        except DomainError as error:
            form.add_refusal(error)
    return _credential_page(request, vault, form)


@require_POST
@require_role(Role.ADMIN)
def credential_check(request: HtmxHttpRequest, vault_id: str, credential_id: str) -> HttpResponseBase:
    """Calls the MCP server, and says what came of it."""
    credential = access_credential(access_vault(request.actor, vault_id), credential_id)
    found = validate_oauth(credential, actor=request.actor)
    words = [FOUND_WORDS[found["status"]], REFRESH_WORDS[found["refresh"]["status"]] if found["refresh"] else ""]
    messages.add_message(request, NOTE_OF[found["status"]], f"{credential}: {' '.join(filter(None, words))}")
    return go(request, "vault", vault_id)


@require_http_methods(["GET", "POST"])
@require_role(Role.ADMIN)
def credential_archive(request: HtmxHttpRequest, vault_id: str, credential_id: str) -> HttpResponseBase:
    vault = access_vault(request.actor, vault_id)
    credential = access_credential(vault, credential_id)
    if request.method == "POST":
        services.archive_credential(credential, actor=request.actor)
        messages.success(request, f"{credential} is archived, and its secret is wiped.")
        return go(request, "vault", vault.pk)
    asked = {
        "title": f"Archive {credential}?",
        "text": "Its secret is wiped for good and cannot come back. The record of it stays, and another credential for "
        "the same server or variable can take its place.",
        "button": "Archive the credential",
    }
    return _confirm(request, vault, asked)


@require_http_methods(["GET", "POST"])
@require_role(Role.ADMIN)
def credential_delete(request: HtmxHttpRequest, vault_id: str, credential_id: str) -> HttpResponseBase:
    vault = access_vault(request.actor, vault_id)
    credential = access_credential(vault, credential_id)
    if request.method == "POST":
        services.delete_credential(credential, actor=request.actor)
        messages.success(request, f"{credential} is deleted.")
        return go(request, "vault", vault.pk)
    asked = {
        "title": f"Delete {credential}?",
        "text": "The credential is gone for good; only the audit log still names it.",
        "button": "Delete the credential",
    }
    return _confirm(request, vault, asked)


def _credential_page(request: HtmxHttpRequest, vault: Vault, form: CredentialForm) -> HttpResponse:
    credential: Credential | None = form.credential
    context = {
        **_context(request),
        "vault": vault,
        "form": form,
        "credential": credential,
        "kind": KIND_WORDS[form.kind],
    }
    return page(request, "agents/credential_form.html", context, status=form.status)


def _confirm(request: HtmxHttpRequest, vault: Vault, asked: dict[str, Any]) -> HttpResponse:
    crumbs = [(reverse("vaults"), "Vaults"), (reverse("vault", args=[vault.pk]), str(vault))]
    return ask_first(request, **asked, crumbs=crumbs, tab="vaults")


def _context(request: HtmxHttpRequest) -> dict[str, Any]:
    return {"section": "setup", "here": "vaults", "may_change": has_role(request.member, Role.ADMIN)}
