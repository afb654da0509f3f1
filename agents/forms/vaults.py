"""Forms of vaults and credentials; what a form sends is the wire's own body, so that pages and API share every rule."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms

from agents.forms.editing import EditionForm
from agents.limits import DISPLAY_NAME_MAX, SECRET_MAX, SECRET_NAME_MAX, URL_MAX
from agents.models import AuthType, Credential

CLIENT_AUTHS = (
    ("none", "It has none"),
    ("client_secret_basic", "In the Authorization header"),
    ("client_secret_post", "In the body"),
)


def secret_field(label: str, **options: Any) -> forms.CharField:
    """What is typed is never sent back to the page, not even when the form is shown again."""
    widget = forms.PasswordInput(attrs={"autocomplete": "new-password", "spellcheck": "false"})
    return forms.CharField(label=label, max_length=SECRET_MAX, widget=widget, strip=False, **options)


class VaultForm(EditionForm):
    display_name = forms.CharField(
        label="Name", max_length=DISPLAY_NAME_MAX, widget=forms.TextInput(attrs={"placeholder": "Ann's accounts"})
    )


class CredentialForm(EditionForm):
    """`kind` is the wire's type; on an edit what is `fixed` is gone, and an empty secret keeps the stored one."""

    opened = ("auth",)
    kind: ClassVar[str]
    fixed: ClassVar[tuple[str, ...]] = ()
    secrets: ClassVar[tuple[str, ...]] = ()
    display_name = forms.CharField(label="Name", max_length=DISPLAY_NAME_MAX, required=False, help_text="For people.")

    def __init__(self, data: Any = None, *, credential: Credential | None = None) -> None:
        super().__init__(data, initial=self.showing(credential) if credential else None)
        self.credential = credential
        if credential:
            for name in self.fixed:
                del self.fields[name]
            for name in self.secrets:
                self.fields[name].required = False
                self.fields[name].help_text = "Leave it empty to keep the stored one; nothing shows that again."

    @classmethod
    def shown(cls, row: Credential) -> dict[str, Any]:
        return {"display_name": row.display_name or ""}

    def lay_over(self, saved: Mapping[str, Any], author: str = "") -> None:
        """A secret that was typed is in no row of the table, nor in the form that comes back."""
        super().lay_over(saved, author)
        assert self.theirs is not None
        typed = [name for name in self.secrets if self.cleaned_data.get(name)]
        self.theirs += [(str(self.fields[name].label), "never shown", "to be typed once more") for name in typed]

    def body(self) -> dict[str, Any]:
        """The wire's create body, or its update body on an edit."""
        auth = {"type": self.kind, **self.auth()}
        return {"display_name": self.cleaned_data["display_name"] or None, "auth": auth}

    def auth(self) -> dict[str, Any]:
        return self.given(*self.fixed, *self.secrets)

    def given(self, *names: str) -> dict[str, Any]:
        """The fields of this form that hold something."""
        return {name: self.cleaned_data[name] for name in names if self.cleaned_data.get(name)}


class BearerForm(CredentialForm):
    kind = AuthType.STATIC_BEARER
    fixed = ("mcp_server_url",)
    secrets = ("token",)
    mcp_server_url = forms.CharField(
        label="Address of the MCP server",
        max_length=URL_MAX,
        widget=forms.URLInput(attrs={"placeholder": "https://mcp.example.com/mcp"}),
    )
    token = secret_field("Token")


class OAuthForm(CredentialForm):
    kind = AuthType.MCP_OAUTH
    fixed = ("mcp_server_url", "client_id", "token_endpoint", "token_endpoint_auth", "resource")
    secrets = ("access_token", "refresh_token", "client_secret")
    mcp_server_url = BearerForm.base_fields["mcp_server_url"]
    access_token = secret_field("Access token")
    expires_at = forms.DateTimeField(
        label="It expires at (UTC)",
        required=False,
        show_hidden_initial=True,  # a token that is renewed meanwhile is no change of this person's
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )
    refresh_token = secret_field("Refresh token", required=False, help_text="Without one nothing below is needed.")
    token_endpoint = forms.CharField(label="Token endpoint", max_length=URL_MAX, required=False, widget=forms.URLInput)
    client_id = forms.CharField(label="Client id", max_length=SECRET_MAX, required=False)
    token_endpoint_auth = forms.ChoiceField(label="The client's secret travels", required=False, choices=CLIENT_AUTHS)
    client_secret = secret_field("Client secret", required=False)
    scope = forms.CharField(label="Scope", required=False, max_length=2_048)
    resource = forms.CharField(label="Resource", required=False, max_length=URL_MAX)

    def __init__(self, data: Any = None, *, credential: Credential | None = None) -> None:
        super().__init__(data, credential=credential)
        refresh = credential.auth["refresh"] if credential else {}
        if credential and not refresh:
            for name in ("refresh_token", "client_secret", "scope"):
                del self.fields[name]
        elif credential and refresh["token_endpoint_auth"]["type"] == "none":
            del self.fields["client_secret"]

    @classmethod
    def shown(cls, row: Credential) -> dict[str, Any]:
        scope = (row.auth["refresh"] or {}).get("scope") or ""
        expires_at = (row.auth["expires_at"] or "")[:16]
        return {**super().shown(row), "scope": scope, "expires_at": expires_at}

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not self.credential and cleaned.get("refresh_token"):
            needed = ["token_endpoint", "client_id"]
            if cleaned.get("token_endpoint_auth") != "none":
                needed.append("client_secret")
            for name in needed:
                if not cleaned.get(name) and name not in self.errors:
                    self.add_error(name, "A refresh token is no use without it.")
        return cleaned

    def auth(self) -> dict[str, Any]:
        auth = self.given("mcp_server_url", "access_token")
        if "expires_at" in self.changed_data:
            moment = self.cleaned_data["expires_at"]
            auth["expires_at"] = moment.isoformat() if moment else None
        refresh = self._changed_refresh() if self.credential else self._new_refresh()
        return {**auth, "refresh": refresh} if refresh else auth

    def _new_refresh(self) -> dict[str, Any]:
        refresh = self.given("refresh_token", "token_endpoint", "client_id", "scope", "resource")
        client = {"type": self.cleaned_data["token_endpoint_auth"] or "none"}
        if client["type"] != "none":
            client |= self.given("client_secret")
        return {**refresh, "token_endpoint_auth": client} if "refresh_token" in refresh else {}

    def _changed_refresh(self) -> dict[str, Any]:
        assert self.credential
        refresh = self.given("refresh_token")
        if "scope" in self.changed_data:
            refresh["scope"] = self.cleaned_data["scope"]
        if secret := self.given("client_secret"):
            kind = self.credential.auth["refresh"]["token_endpoint_auth"]["type"]
            refresh["token_endpoint_auth"] = {"type": kind, **secret}
        return refresh


class VariableForm(CredentialForm):
    kind = AuthType.ENVIRONMENT_VARIABLE
    fixed = ("secret_name",)
    secrets = ("secret_value",)
    secret_name = forms.CharField(
        label="Variable", max_length=SECRET_NAME_MAX, widget=forms.TextInput(attrs={"placeholder": "GITHUB_TOKEN"})
    )
    secret_value = secret_field("Value")
    allowed_hosts = forms.CharField(
        label="Hosts that may receive it",
        required=False,
        max_length=8_192,
        widget=forms.Textarea(attrs={"rows": 3, "class": "code", "placeholder": "api.example.com\n*.example.org"}),
        help_text="One to a line, a star for any name below. Empty: every host that the environment permits.",
    )
    in_headers = forms.BooleanField(label="It may stand in headers of requests", required=False, initial=True)
    in_bodies = forms.BooleanField(label="It may stand in bodies of requests", required=False, initial=True)

    @classmethod
    def shown(cls, row: Credential) -> dict[str, Any]:
        location = row.auth["injection_location"]
        hosts = "\n".join(row.auth["networking"].get("allowed_hosts", []))
        shown = {"allowed_hosts": hosts, "in_headers": location["header"], "in_bodies": location["body"]}
        return {**super().shown(row), **shown}

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not cleaned.get("in_headers") and not cleaned.get("in_bodies"):
            self.add_error("in_bodies", "Choose headers or bodies, or both.")
        return cleaned

    def auth(self) -> dict[str, Any]:
        hosts = self.cleaned_data["allowed_hosts"].split()
        networking = {"type": "limited", "allowed_hosts": hosts} if hosts else {"type": "unrestricted"}
        location = {"header": self.cleaned_data["in_headers"], "body": self.cleaned_data["in_bodies"]}
        return {
            **super().auth(),
            "networking": networking,
            "injection_location": location,
        }


CREDENTIAL_FORMS: dict[str, type[CredentialForm]] = {form.kind: form for form in (BearerForm, OAuthForm, VariableForm)}
