"""Pages of vaults and webhook endpoints: the way without a script, and what no page says."""

import pytest
from django.urls import reverse

from agents.models import Credential, Vault, WebhookEndpoint
from agents.services.credential_secrets import secrets_of
from agents.services.vaults import create_vault
from agents.services.webhooks import signing_secret

SERVER, SECRET = "https://mcp.example.com/mcp", "tok-3f9a-plain"
REFRESH = {
    "refresh_token": "r-77bc",
    "token_endpoint": "https://auth.example.com/token",
    "client_id": "lucid",
    "token_endpoint_auth": "client_secret_post",
    "client_secret": "c-90de",
    "scope": "read",
}
FORMS = {
    "static_bearer": {"mcp_server_url": SERVER, "token": SECRET},
    "mcp_oauth": {"mcp_server_url": SERVER, "access_token": SECRET, "expires_at": "2999-01-01T00:00", **REFRESH},
    "environment_variable": {
        "secret_name": "API_KEY",
        "secret_value": SECRET,
        "allowed_hosts": "api.example.com\n*.example.org",
        "in_headers": "on",
    },
}


@pytest.fixture
def vault(actor):
    return create_vault({"display_name": "Ann's"}, actor=actor)


def add(client, vault, kind, **changes):
    return client.post(f"{reverse('credential-new', args=[vault.pk])}?kind={kind}", {**FORMS[kind], **changes})


def page(client, vault):
    return client.get(reverse("vault", args=[vault.pk])).content.decode()


def test_a_vault_is_made_renamed_archived_and_deleted(as_alice):
    made = as_alice.post(reverse("vault-new"), {"display_name": "Ann's"})
    vault = Vault.objects.get()
    assert (made.status_code, made.url) == (303, reverse("vault", args=[vault.pk]))
    as_alice.post(reverse("vault-edit", args=[vault.pk]), {"display_name": "Bea's"})
    assert "Bea&#x27;s" in as_alice.get(reverse("vaults")).content.decode()
    add(as_alice, vault, "static_bearer")
    asked = as_alice.get(reverse("vault-archive", args=[vault.pk])).content.decode()
    assert "wiped for good" in asked
    as_alice.post(reverse("vault-archive", args=[vault.pk]))
    assert Credential.objects.get().sealed == ""
    assert "archived" in page(as_alice, vault)
    refused = as_alice.post(reverse("vault-edit", args=[vault.pk]), {"display_name": "x"})
    assert (refused.status_code, "is archived" in refused.content.decode()) == (422, True)
    as_alice.post(reverse("vault-delete", args=[vault.pk]))
    assert not Vault.objects.exists()


@pytest.mark.parametrize("kind", FORMS)
def test_a_credential_of_each_kind_is_added_and_its_secret_never_shown(as_alice, vault, kind):
    assert add(as_alice, vault, kind, display_name="Mine").status_code == 303
    credential = Credential.objects.get()
    assert SECRET in secrets_of(credential).values()
    edit = as_alice.get(reverse("credential-edit", args=[vault.pk, credential.pk])).content.decode()
    shown = page(as_alice, vault) + edit
    assert "Mine" in shown
    assert not [secret for secret in (SECRET, "r-77bc", "c-90de") if secret in shown]


def test_an_empty_secret_keeps_the_stored_one(as_alice, vault):
    add(as_alice, vault, "mcp_oauth")
    credential = Credential.objects.get()
    address = reverse("credential-edit", args=[vault.pk, credential.pk])
    as_alice.post(address, {"display_name": "Two", "expires_at": "2999-01-01T00:00", "scope": "read"})
    credential.refresh_from_db()
    kept = {"access_token": SECRET, "refresh_token": "r-77bc", "client_secret": "c-90de"}
    assert (credential.display_name, secrets_of(credential)) == ("Two", kept)
    assert credential.auth["expires_at"] == "2999-01-01T00:00:00Z"
    cleared = {"scope": "", "expires_at": "", "initial-expires_at": "2999-01-01T00:00"}
    as_alice.post(address, {"access_token": "fresh", "client_secret": "c2", **cleared})
    credential.refresh_from_db()
    assert secrets_of(credential) == {**kept, "access_token": "fresh", "client_secret": "c2"}
    assert (credential.auth["expires_at"], credential.auth["refresh"]["scope"]) == (None, None)


def test_a_variable_is_changed_without_its_secret(as_alice, vault):
    add(as_alice, vault, "environment_variable")
    credential = Credential.objects.get()
    assert credential.auth["injection_location"] == {"header": True, "body": False}
    as_alice.post(reverse("credential-edit", args=[vault.pk, credential.pk]), {"in_bodies": "on"})
    credential.refresh_from_db()
    assert credential.auth["networking"] == {"type": "unrestricted"}
    assert credential.auth["injection_location"] == {"header": False, "body": True}
    assert secrets_of(credential) == {"secret_value": SECRET}


@pytest.mark.parametrize(
    ("kind", "changes", "told"),
    [
        ("static_bearer", {"mcp_server_url": "nowhere"}, "It must be an http or https address"),
        ("static_bearer", {"token": ""}, "This field is required"),
        ("mcp_oauth", {"client_secret": ""}, "A refresh token is no use without it."),
        ("mcp_oauth", {"expires_at": "2020-01-01T00:00"}, "It must be in the future"),
        ("environment_variable", {"allowed_hosts": "https://a.io"}, "It must be a bare host name"),
        ("environment_variable", {"in_headers": ""}, "Choose headers or bodies"),
    ],
)
def test_a_refusal_stands_in_the_form_without_the_secret(as_alice, vault, kind, changes, told):
    refused = add(as_alice, vault, kind, **changes)
    assert refused.status_code == 422
    assert told in refused.content.decode()
    assert SECRET not in refused.content.decode()
    assert not Credential.objects.exists()


def test_a_second_credential_for_one_server_is_refused_above_the_form(as_alice, vault):
    add(as_alice, vault, "static_bearer")
    refused = add(as_alice, vault, "mcp_oauth")
    assert (refused.status_code, "active credential for this MCP server already" in refused.content.decode()) == (
        422,
        True,
    )


def test_a_check_says_what_came_of_it(as_alice, vault):
    add(as_alice, vault, "mcp_oauth", mcp_server_url="https://127.0.0.1/mcp")
    address = reverse("credential-check", args=[vault.pk, Credential.objects.get().pk])
    assert "could not be told" in as_alice.post(address, follow=True).content.decode()


def test_viewers_see_vaults_and_no_buttons(as_alice, as_bob, vault):
    add(as_alice, vault, "static_bearer")
    shown = page(as_bob, vault)
    assert SERVER in shown
    assert "Change<" not in shown


def test_a_signing_secret_is_shown_in_one_answer_alone(as_alice):
    sent = {"url": "https://hooks.example.com/x", "name": "Ops", "enabled_events": ["session.status_idled"]}
    made = as_alice.post(reverse("webhook-new"), sent)
    endpoint = WebhookEndpoint.objects.get()
    secret = signing_secret(endpoint)
    assert secret in made.content.decode()
    assert "no-store" in made["cache-control"]
    kept = str(dict(as_alice.session)) + str(as_alice.cookies)
    assert secret not in kept
    detail = reverse("webhook", args=[endpoint.pk])
    assert secret not in as_alice.get(detail).content.decode()
    again = as_alice.post(reverse("webhook-secret", args=[endpoint.pk])).content.decode()
    fresh = signing_secret(WebhookEndpoint.objects.get())
    assert (fresh in again, secret in again, fresh == secret) == (True, False, False)


def test_an_endpoint_is_changed_stopped_and_deleted(as_alice):
    sent = {"url": "https://hooks.example.com/x", "enabled_events": ["session.status_idled"]}
    as_alice.post(reverse("webhook-new"), sent)
    endpoint = WebhookEndpoint.objects.get()
    refused = as_alice.post(reverse("webhook-edit", args=[endpoint.pk]), {**sent, "url": "https://127.0.0.1/"})
    assert (refused.status_code, "Its host is not public" in refused.content.decode()) == (422, True)
    as_alice.post(
        reverse("webhook-edit", args=[endpoint.pk]), {**sent, "name": "Ops", "enabled_events": ["vault.created"]}
    )
    as_alice.post(reverse("webhook-state", args=[endpoint.pk]), {"state": "disabled"})
    endpoint.refresh_from_db()
    assert (endpoint.name, endpoint.enabled_events, endpoint.state) == ("Ops", ["vault.created"], "disabled")
    as_alice.post(reverse("webhook-delete", args=[endpoint.pk]))
    assert "No endpoint yet" in as_alice.get(reverse("webhooks")).content.decode()
