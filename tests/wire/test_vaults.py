"""Vaults and credentials through the official client; what is secret goes in and is never seen again."""

import json
import logging
from datetime import UTC, datetime, timedelta

import anthropic
import pytest
from django.core.management import CommandError, call_command

from agents.models import AuditEvent, Credential, OutboxEvent
from agents.services.credential_secrets import find_mcp_credential, secrets_of

SERVER = "https://mcp.example.com/sse"
TOKEN, REFRESH_TOKEN, CLIENT_SECRET = "tok-3f9a-plain", "ref-77bc-plain", "cli-90de-plain"
SECRETS = (TOKEN, REFRESH_TOKEN, CLIENT_SECRET)
BEARER = {"type": "static_bearer", "mcp_server_url": SERVER, "token": TOKEN}
REFRESH = {
    "client_id": "lucid",
    "refresh_token": REFRESH_TOKEN,
    "token_endpoint": "https://auth.example.com/token",
    "token_endpoint_auth": {"type": "client_secret_post", "client_secret": CLIENT_SECRET},
    "scope": "read",
}
OAUTH = {"type": "mcp_oauth", "mcp_server_url": SERVER, "access_token": TOKEN, "refresh": REFRESH}
VARIABLE = {
    "type": "environment_variable",
    "secret_name": "API_KEY",
    "secret_value": TOKEN,
    "networking": {"type": "limited", "allowed_hosts": ["api.example.com", "*.example.org", "192.0.2.1"]},
}


def limited_to(*hosts):
    return {**VARIABLE, "networking": {"type": "limited", "allowed_hosts": hosts}}


@pytest.fixture
def vault(wire):
    return wire.beta.vaults.create(display_name="Ann's", metadata={"a": "1"})


@pytest.fixture
def add(wire, vault):
    def add(auth, **members):
        return wire.beta.vaults.credentials.create(vault.id, auth=auth, **members)

    return add


def change(wire, credential, **members):
    return wire.beta.vaults.credentials.update(credential.id, vault_id=credential.vault_id, **members)


def sent_auth(call, vault, auth):
    return call("POST", f"vaults/{vault.id}/credentials", json.dumps({"auth": auth}))


def told():
    return list(OutboxEvent.objects.filter(type__startswith="vault").values_list("type", "data").order_by("pk"))


def test_a_vault_is_made_changed_listed_and_archived(wire, vault):
    assert vault == wire.beta.vaults.retrieve(vault.id)
    changed = wire.beta.vaults.update(vault.id, display_name="Bea's", metadata={"a": None, "b": "2"})
    assert (changed.display_name, changed.metadata) == ("Bea's", {"b": "2"})
    assert wire.beta.vaults.update(vault.id, display_name="Bea's", metadata={}) == changed
    archived = wire.beta.vaults.archive(vault.id)
    assert archived.archived_at
    assert wire.beta.vaults.archive(vault.id) == archived
    assert list(wire.beta.vaults.list()) == []
    assert [found.id for found in wire.beta.vaults.list(include_archived=True)] == [vault.id]
    for refused in (
        lambda: wire.beta.vaults.update(vault.id, display_name="x"),
        lambda: wire.beta.vaults.credentials.create(vault.id, auth=BEARER),
    ):
        with pytest.raises(anthropic.BadRequestError, match="archived"):
            refused()


def test_every_credential_of_a_vault_ends_with_it_and_is_told_of(wire, vault, add):
    bearer, variable = add(BEARER), add(VARIABLE)
    wire.beta.vaults.archive(vault.id)
    kinds = [kind for kind, _ in told()]
    assert kinds == [
        "vault.created",
        *["vault_credential.created"] * 2,
        *["vault_credential.archived"] * 2,
        "vault.archived",
    ]
    assert [data for kind, data in told() if kind.startswith("vault_credential")] == [{"vault_id": vault.id}] * 4
    assert not Credential.objects.exclude(sealed="").exists()
    gone = wire.beta.vaults.delete(vault.id)
    assert (gone.id, gone.type) == (vault.id, "vault_deleted")
    assert [kind for kind, _ in told()][6:] == ["vault_credential.deleted"] * 2 + ["vault.deleted"]
    with pytest.raises(anthropic.NotFoundError):
        wire.beta.vaults.credentials.retrieve(bearer.id, vault_id=vault.id)
    assert variable.id


@pytest.mark.parametrize("auth", [BEARER, OAUTH, VARIABLE], ids=lambda auth: auth["type"])
def test_a_credential_of_each_type_comes_back_without_its_secrets(wire, call, vault, add, auth):
    made = add(auth, display_name="Ann", metadata={"k": "v"})
    assert made == wire.beta.vaults.credentials.retrieve(made.id, vault_id=vault.id)
    assert list(wire.beta.vaults.credentials.list(vault.id)) == [made]
    assert (made.type, made.vault_id, made.display_name, made.metadata) == (
        "vault_credential",
        vault.id,
        "Ann",
        {"k": "v"},
    )
    shown = call("GET", f"vaults/{vault.id}/credentials/{made.id}").content.decode()
    assert not [secret for secret in SECRETS if secret in shown]


def test_what_is_shown_of_each_type(add):
    assert add(VARIABLE).auth.to_dict() == {
        "type": "environment_variable",
        "secret_name": "API_KEY",
        "networking": VARIABLE["networking"],
        "injection_location": {"body": True, "header": True},
    }
    shown = add(OAUTH).auth
    assert "expires_at" not in shown.to_dict()
    assert (shown.refresh.client_id, shown.refresh.scope) == ("lucid", "read")
    assert shown.refresh.token_endpoint_auth.type == "client_secret_post"


def test_no_row_no_log_and_no_error_holds_a_secret(wire, call, vault, add, caplog):
    caplog.set_level(logging.DEBUG)
    made = add(OAUTH)
    change(wire, made, auth={"type": "mcp_oauth", "access_token": TOKEN + "2"})
    answers = [
        sent_auth(call, vault, {**BEARER, "token": TOKEN + "\n"}),
        sent_auth(call, vault, {**BEARER, "token": [TOKEN]}),
        sent_auth(call, vault, {**BEARER, "mcp_server_url": f"https://u:{TOKEN}@a.example"}),
        sent_auth(call, vault, {**OAUTH, "expires_at": TOKEN}),
        sent_auth(call, vault, {**VARIABLE, "networking": {"type": "limited", "allowed_hosts": [TOKEN + "/x"]}}),
        sent_auth(call, vault, {**OAUTH, "refresh": {**REFRESH, "token_endpoint_auth": CLIENT_SECRET}}),
    ]
    assert {answer.status_code for answer in answers} == {400}
    told = "".join(answer.content.decode() for answer in answers) + caplog.text
    for model in (Credential, AuditEvent, OutboxEvent):
        told += str(list(model.objects.values()))
    assert not [secret for secret in SECRETS if secret in told]
    assert secrets_of(Credential.objects.get()) == {
        "access_token": TOKEN + "2",
        "refresh_token": REFRESH_TOKEN,
        "client_secret": CLIENT_SECRET,
    }
    assert TOKEN not in repr(Credential.objects.get())


@pytest.mark.parametrize(
    ("auth", "message"),
    [
        ({**BEARER, "token": ""}, "auth.token:"),
        ({**BEARER, "mcp_server_url": "ftp://a.example"}, "auth.mcp_server_url:"),
        ({**BEARER, "more": 1}, "auth.more:"),
        ({**BEARER, "type": "moon"}, "auth.type:"),
        ({**OAUTH, "expires_at": "2020-01-01T00:00:00Z"}, "auth.expires_at:"),
        ({**OAUTH, "expires_at": 1_900_000_000}, "auth.expires_at:"),
        ({**OAUTH, "refresh": {**REFRESH, "token_endpoint": "nowhere"}}, "auth.refresh.token_endpoint:"),
        ({**VARIABLE, "secret_name": "1A"}, "auth.secret_name:"),
        ({**VARIABLE, "injection_location": {}}, "auth.injection_location:"),
        ({**VARIABLE, "injection_location": {"header": False, "body": False}}, "auth.injection_location:"),
        ({**VARIABLE, "injection_location": {"header": None}}, "auth.injection_location.header:"),
        *(
            (
                {**VARIABLE, "networking": {"type": "limited", "allowed_hosts": [host]}},
                "auth.networking.allowed_hosts.0:",
            )
            for host in ("https://a.io", "a.io:443", "a.io/x", "::1", "*", "*.*.io", "*.192.0.2.1", "")
        ),
        (
            {**VARIABLE, "networking": {"type": "limited", "allowed_hosts": [f"h{i}.io" for i in range(17)]}},
            "auth.networking.allowed_hosts:",
        ),
    ],
)
def test_a_bad_auth_is_refused_by_its_member(call, vault, auth, message):
    answer = sent_auth(call, vault, auth)
    assert (answer.status_code, answer.json()["error"]["message"][: len(message)]) == (400, message)
    assert not Credential.objects.exists()


def test_where_a_variable_may_be_put_is_what_was_named(wire, add):
    made = add({**VARIABLE, "injection_location": {"header": True}})
    assert (made.auth.injection_location.header, made.auth.injection_location.body) == (True, False)
    more = {"type": "environment_variable", "injection_location": {"body": True}}
    assert change(wire, made, auth=more).auth.injection_location.body
    less = {"type": "environment_variable", "injection_location": {"header": False}}
    after = change(wire, made, auth=less).auth
    assert (after.injection_location.header, after.injection_location.body) == (False, True)
    with pytest.raises(anthropic.BadRequestError, match="injection_location"):
        change(wire, made, auth={"type": "environment_variable", "injection_location": {"body": False}})
    open_to_all = {"type": "environment_variable", "networking": {"type": "unrestricted"}, "secret_value": "new"}
    assert change(wire, made, auth=open_to_all).auth.networking.type == "unrestricted"
    assert secrets_of(Credential.objects.get()) == {"secret_value": "new"}


def test_an_oauth_credential_is_changed_member_by_member(wire, add):
    soon = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
    made = add({**OAUTH, "expires_at": soon.isoformat()})
    assert made.auth.expires_at == soon
    basic = {"type": "client_secret_basic", "client_secret": "other"}
    refresh = {"refresh_token": "r2", "scope": "", "token_endpoint_auth": basic}
    after = change(wire, made, auth={"type": "mcp_oauth", "refresh": refresh}).auth
    assert (after.expires_at, after.refresh.scope) == (soon, None)
    assert after.refresh.token_endpoint_auth.type == "client_secret_post"
    expected = {"access_token": TOKEN, "refresh_token": "r2", "client_secret": "other"}
    assert secrets_of(Credential.objects.get()) == expected


@pytest.mark.parametrize(
    ("auth", "message"),
    [
        ({"type": "static_bearer", "token": "x"}, "auth.type:"),
        ({"type": "mcp_oauth", "mcp_server_url": SERVER}, "auth.mcp_server_url:"),
        ({"type": "mcp_oauth", "refresh": {"client_id": "x"}}, "auth.refresh.client_id:"),
        ({"type": "mcp_oauth", "refresh": {"token_endpoint_auth": {"type": "none"}}}, "auth.refresh"),
        ({"type": "mcp_oauth", "access_token": ""}, "auth.access_token:"),
    ],
)
def test_what_a_credential_is_for_never_changes(call, add, auth, message):
    made = add(OAUTH)
    answer = call("POST", f"vaults/{made.vault_id}/credentials/{made.id}", json.dumps({"auth": auth}))
    assert (answer.status_code, answer.json()["error"]["message"][: len(message)]) == (400, message)


def test_a_slot_holds_one_active_credential(wire, add):
    made = add(BEARER)
    add(VARIABLE)
    for again in ({**BEARER, "mcp_server_url": "HTTPS://MCP.Example.com:443/sse/"}, OAUTH, VARIABLE):
        with pytest.raises(anthropic.ConflictError) as refusal:
            add(again)
        assert refusal.value.type == "conflict_error"
    add({**BEARER, "mcp_server_url": "https://mcp.example.com:8443/sse"})
    archived = wire.beta.vaults.credentials.archive(made.id, vault_id=made.vault_id)
    assert archived.archived_at
    assert wire.beta.vaults.credentials.archive(made.id, vault_id=made.vault_id) == archived
    assert Credential.objects.get(pk=made.id).sealed == ""
    with pytest.raises(anthropic.BadRequestError, match="archived"):
        change(wire, made, display_name="x")
    add(OAUTH)
    listed = wire.beta.vaults.credentials.list(made.vault_id)
    assert made.id not in [found.id for found in listed]
    assert made.id in [found.id for found in wire.beta.vaults.credentials.list(made.vault_id, include_archived=True)]
    gone = wire.beta.vaults.credentials.delete(made.id, vault_id=made.vault_id)
    assert (gone.id, gone.type) == (made.id, "vault_credential_deleted")


def test_a_vault_holds_twenty(wire, add, vault):
    made = [add({**VARIABLE, "secret_name": f"KEY_{number}"}) for number in range(20)]
    with pytest.raises(anthropic.BadRequestError, match="at most 20"):
        add(BEARER)
    wire.beta.vaults.credentials.archive(made[0].id, vault_id=vault.id)
    add(BEARER)
    pages = wire.beta.vaults.credentials.list(vault.id, limit=7)
    assert len(list(pages)) == 20


def test_names_and_metadata_are_merged(wire, add):
    made = add(BEARER, display_name="one", metadata={"a": "1", "b": "2"})
    changed = change(wire, made, display_name="two", metadata={"a": None, "c": "3"})
    assert (changed.display_name, changed.metadata) == ("two", {"b": "2", "c": "3"})
    assert change(wire, made, display_name="two") == changed
    assert change(wire, made, display_name=None).display_name is None


def test_a_session_names_vaults_that_exist_and_are_open(wire, vault, agent, environment):
    def create(*vault_ids):
        return wire.beta.sessions.create(agent=agent.id, environment_id=environment.id, vault_ids=vault_ids)

    other = wire.beta.vaults.create(display_name="other")
    session = create(other.id, vault.id)
    assert session.vault_ids == [other.id, vault.id]
    assert wire.beta.sessions.retrieve(session.id).vault_ids == session.vault_ids
    with pytest.raises(anthropic.NotFoundError, match="vlt_none"):
        create("vlt_none")
    with pytest.raises(anthropic.BadRequestError, match="twice"):
        create(vault.id, vault.id)
    wire.beta.vaults.archive(vault.id)
    with pytest.raises(anthropic.BadRequestError, match="archived"):
        create(vault.id)
    assert wire.beta.sessions.retrieve(session.id).vault_ids == session.vault_ids


def test_the_first_vault_with_a_credential_for_a_server_wins(wire, workspace, vault, add):
    other = wire.beta.vaults.create(display_name="other")
    first, second = add(BEARER), wire.beta.vaults.credentials.create(other.id, auth=BEARER)

    def found(*vaults, url="https://MCP.example.com/sse/"):
        credential = find_mcp_credential(workspace, [vault.id for vault in vaults], url)
        return credential and credential.pk

    assert (found(vault, other), found(other, vault)) == (first.id, second.id)
    assert found(vault, url="https://mcp.example.com/other") is None


def test_replaced_sealing_keys_are_taken_in_by_a_command(wire, add, settings, capsys):
    old = settings.LUCID_SEALING_KEYS
    add(OAUTH)
    settings.LUCID_SEALING_KEYS = ["another-sealing-key-0123456789-0123456789", *old]
    call_command("rotate_sealing_keys")
    assert "agents.credential.sealed: 1 sealed again, 0 were current, 0 unreadable" in capsys.readouterr().out
    call_command("rotate_sealing_keys")
    assert "agents.credential.sealed: 0 sealed again, 1 were current, 0 unreadable" in capsys.readouterr().out
    settings.LUCID_SEALING_KEYS = settings.LUCID_SEALING_KEYS[:1]
    assert secrets_of(Credential.objects.get())["access_token"] == TOKEN
    settings.LUCID_SEALING_KEYS = old
    with pytest.raises(CommandError, match="1 secrets cannot be opened"):
        call_command("rotate_sealing_keys")


def test_a_secret_that_no_key_opens_is_one_clear_error(wire, add, settings):
    made = add(OAUTH)
    settings.LUCID_SEALING_KEYS = ["another-sealing-key-0123456789-0123456789"]
    with pytest.raises(anthropic.InternalServerError) as refusal:
        change(wire, made, auth={"type": "mcp_oauth", "access_token": "x"})
    assert "LUCID_SEALING_KEYS" in refusal.value.body["error"]["message"]
    assert Credential.objects.get().sealed not in str(refusal.value.body)
