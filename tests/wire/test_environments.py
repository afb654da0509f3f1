"""Environments through the official client."""

import json

import anthropic
import pytest

from agents.models import OutboxEvent, Session
from agents.services.environments import create_environment


def test_a_new_environment_comes_back_resolved(wire):
    environment = wire.beta.environments.create(
        name="box", description="d", metadata={"a": "b"}, config={"type": "cloud", "packages": {"pip": ["rich"]}}
    )
    assert environment == wire.beta.environments.retrieve(environment.id)
    assert environment.config.networking.type == "unrestricted"
    assert (environment.config.packages.pip, environment.config.packages.apt) == (["rich"], [])
    assert environment.scope == "organization"


def test_the_default_is_a_cloud_box(wire, environment):
    assert (environment.config.type, environment.description) == ("cloud", None)
    assert [found.id for found in wire.beta.environments.list()] == [environment.id]


def test_a_name_is_taken_once(wire, environment):
    with pytest.raises(anthropic.ConflictError, match="box"):
        wire.beta.environments.create(name="box")


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"type": "moon"}, "config"),
        ({"type": "self_hosted", "networking": {"type": "unrestricted"}}, "config.networking"),
        (
            {"type": "cloud", "networking": {"type": "limited", "allowed_hosts": ["a b"]}},
            "config.networking.allowed_ho",
        ),
        ({"type": "cloud", "networking": {"type": "limited", "allowed_hosts": ["a.io/x"]}}, "config.networking.allow"),
        ({"type": "cloud", "networking": {"type": "limited", "allowed_hosts": [""]}}, "config.networking.allowed_ho"),
        ({"type": "cloud", "networking": {"type": "unrestricted", "allowed_hosts": ["a.io"]}}, "config.networking"),
        ({"type": "cloud", "packages": {"pip": ["--index-url=x"]}}, "config.packages.pip.0"),
        ({"type": "cloud", "packages": {"pip": [""]}}, "config.packages.pip.0"),
        ({"type": "cloud", "packages": {"conda": ["x"]}}, "config.packages.conda"),
        ({"type": "cloud", "networking": {"type": "limited"}, "packages": {"pip": ["x"]}}, "config.packages"),
    ],
)
def test_a_bad_config_is_refused_by_its_member(wire, config, message):
    with pytest.raises(anthropic.BadRequestError) as refusal:
        wire.beta.environments.create(name="box", config=config)
    assert refusal.value.body["error"]["message"].startswith(message)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"name": " "}, "name: "),
        ({"name": "x" * 256}, "name: "),
        ({"name": "x", "description": "x" * 2_049}, "description: "),
        ({"name": "x", "scope": "account"}, "scope: "),
        ({"name": "x", "metadata": {"k": 1}}, "metadata.k: "),
        ({"name": "x", "more": 1}, "more: "),
        ({}, "name: "),
    ],
)
def test_a_bad_environment_is_not_made(wire, call, body, message):
    response = call("POST", "environments", json.dumps(body))
    assert (response.status_code, response.json()["error"]["message"][: len(message)]) == (400, message)
    assert list(wire.beta.environments.list()) == []


def test_hosts_are_names_wildcards_and_addresses(wire):
    hosts = ["api.example.com", "*.example.org", "https://mcp.example.net", "localhost", "10.0.0.7", "::1"]
    networking = {"type": "limited", "allowed_hosts": hosts, "allow_package_managers": None}
    made = wire.beta.environments.create(name="box", config={"type": "cloud", "networking": networking})
    assert made.config.networking.allowed_hosts == hosts
    assert made.config.networking.allow_package_managers is False


def test_a_self_hosted_environment_stays_one_and_mounts_memory_alone(wire, call, agent, store):
    made = wire.beta.environments.create(name="ours", config={"type": "self_hosted"})
    assert made.config.to_dict() == {"type": "self_hosted"}
    assert wire.beta.environments.update(made.id, config={"type": "self_hosted"}) == made
    refused = update(call, made, config={"type": "cloud"}).json()["error"]
    assert refused["details"]["error_code"] == "invalid_config_type_change"
    resources = [{"type": "memory_store", "memory_store_id": store.id}]
    session = wire.beta.sessions.create(agent=agent.id, environment_id=made.id, resources=resources)
    file = {"type": "file", "file_id": wire.files.upload(file=b"x").id}
    with pytest.raises(anthropic.BadRequestError, match="not supported with self-hosted environments"):
        wire.beta.sessions.create(agent=agent.id, environment_id=made.id, resources=[*resources, file])
    with pytest.raises(anthropic.BadRequestError, match="not supported with self-hosted environments"):
        wire.beta.sessions.resources.add(session.id, **file)


SERVER = {"type": "url", "name": "tickets", "url": "https://mcp.example.com/mcp"}
WITH_SERVER = {"mcp_servers": [SERVER], "tools": [{"type": "mcp_toolset", "mcp_server_name": "tickets"}]}


@pytest.mark.parametrize(
    ("networking", "is_open"),
    [
        ({"type": "unrestricted"}, True),
        ({"type": "limited"}, False),
        ({"type": "limited", "allow_mcp_servers": True}, True),
        ({"type": "limited", "allowed_hosts": ["example.com"]}, False),
        ({"type": "limited", "allowed_hosts": ["MCP.example.com"]}, True),
        ({"type": "limited", "allowed_hosts": ["*.example.com"]}, True),
        ({"type": "limited", "allowed_hosts": ["https://mcp.example.com"]}, True),
        ({"type": "limited", "allowed_hosts": ["*.evilexample.com"]}, False),
    ],
)
@pytest.mark.parametrize("is_in_roster", [False, True])
def test_a_session_starts_only_where_its_servers_can_be_reached(wire, networking, is_open, is_in_roster):
    environment = wire.beta.environments.create(name="box", config={"type": "cloud", "networking": networking})
    agent = wire.beta.agents.create(name="Ann", model="m", **WITH_SERVER)
    if is_in_roster:
        roster = {"type": "coordinator", "agents": [agent.id]}
        agent = wire.beta.agents.create(name="Lead", model="m", multiagent=roster)
    if is_open:
        assert wire.beta.sessions.create(agent=agent.id, environment_id=environment.id).status == "idle"
        return
    with pytest.raises(anthropic.BadRequestError, match=r"mcp\.example\.com") as refusal:
        wire.beta.sessions.create(agent=agent.id, environment_id=environment.id)
    assert refusal.value.body["error"]["details"]["error_code"] == "mcp_egress_blocked"
    assert not Session.objects.exists()


def test_a_session_takes_no_server_that_its_network_keeps_out(wire, agent):
    networking = {"type": "limited", "allowed_hosts": ["other.example.com"]}
    environment = wire.beta.environments.create(name="box", config={"type": "cloud", "networking": networking})
    session = wire.beta.sessions.create(agent=agent.id, environment_id=environment.id)
    with pytest.raises(anthropic.BadRequestError, match="allowed_hosts"):
        wire.beta.sessions.update(session.id, agent=WITH_SERVER)
    elsewhere = {**SERVER, "url": "https://other.example.com/mcp"}
    updated = wire.beta.sessions.update(session.id, agent={**WITH_SERVER, "mcp_servers": [elsewhere]})
    assert updated.agent.mcp_servers[0].name == "tickets"


def update(call, environment, **body):
    return call("POST", f"environments/{environment.id}", json.dumps(body))


def emitted(kind: str) -> int:
    return OutboxEvent.objects.filter(type=kind).count()


def test_an_update_keeps_what_it_leaves_out(wire):
    made = wire.beta.environments.create(name="box", description="d", metadata={"a": "1", "b": "2", "c": "3"})
    changed = wire.beta.environments.update(made.id, name="crate", metadata={"a": None, "b": "", "c": "4"})
    assert (changed.name, changed.description, changed.metadata) == ("crate", "d", {"c": "4"})
    assert changed.config == made.config
    assert changed == wire.beta.environments.retrieve(made.id)


def test_a_description_is_cleared_by_null_and_kept_when_empty(wire, environment):
    assert wire.beta.environments.update(environment.id, description="").description == ""
    assert wire.beta.environments.update(environment.id, description=None).description is None


def test_an_update_that_changes_nothing_leaves_no_trace(wire, environment):
    same = wire.beta.environments.update(
        environment.id, name="box", metadata={}, config={"type": "cloud"}, scope="organization"
    )
    assert (same, emitted("environment.updated")) == (environment, 0)
    wire.beta.environments.update(environment.id, name="crate")
    assert emitted("environment.updated") == 1


def test_a_config_is_merged_member_by_member(wire, environment):
    def merged(**config):
        return wire.beta.environments.update(environment.id, config={"type": "cloud", **config}).config

    limited = {"type": "limited", "allowed_hosts": ["a.io"], "allow_package_managers": True}
    assert merged(networking=limited, packages={"pip": ["rich"]}).packages.pip == ["rich"]
    after = merged(networking={"type": "limited", "allow_mcp_servers": True})
    assert (after.networking.allowed_hosts, after.networking.allow_package_managers) == (["a.io"], True)
    assert after.networking.allow_mcp_servers
    after = merged(packages={"npm": ["left-pad"]})
    assert (after.packages.npm, after.packages.pip, after.networking.type) == (["left-pad"], ["rich"], "limited")
    after = merged(packages={"npm": [], "pip": []}, networking={"type": "unrestricted"})
    assert (after.packages.npm, after.packages.pip, after.networking.type) == ([], [], "unrestricted")
    assert merged(networking=limited | {"allowed_hosts": None}).networking.allowed_hosts == []


def test_packages_stay_forbidden_where_their_managers_are(wire, environment):
    wire.beta.environments.update(environment.id, config={"type": "cloud", "packages": {"pip": ["rich"]}})
    with pytest.raises(anthropic.BadRequestError, match=r"config\.packages"):
        wire.beta.environments.update(environment.id, config={"type": "cloud", "networking": {"type": "limited"}})


@pytest.mark.parametrize(
    ("body", "status", "message", "code"),
    [
        ({"config": {"type": "self_hosted"}}, 400, "config.type:", "invalid_config_type_change"),
        ({"config": {"type": "moon"}}, 400, "config.type:", None),
        ({"config": {"type": "cloud", "packages": {"pip": "rich"}}}, 400, "config.packages.pip:", None),
        ({"name": ""}, 400, "name:", None),
        ({"scope": "account"}, 400, "scope:", None),
        ({"metadata": {"k": "v" * 513}}, 400, "metadata.k:", None),
        ({"more": 1}, 400, "more:", None),
        ({"name": "other"}, 409, "An environment named 'other'", None),
    ],
)
def test_a_bad_update_is_refused_by_its_member(wire, call, environment, body, status, message, code):
    wire.beta.environments.create(name="other")
    response = update(call, environment, description="new", **body)
    error = response.json()["error"]
    assert (response.status_code, error["message"][: len(message)]) == (status, message)
    assert error.get("details", {}).get("error_code") == code
    assert wire.beta.environments.retrieve(environment.id).description is None


def test_an_archived_environment_is_closed_to_updates_and_new_sessions_alone(wire, environment, agent, session):
    archived = wire.beta.environments.archive(environment.id)
    assert archived.archived_at
    assert wire.beta.environments.archive(environment.id) == archived
    assert emitted("environment.archived") == 1
    assert list(wire.beta.environments.list()) == []
    assert [found.id for found in wire.beta.environments.list(include_archived=True)] == [environment.id]
    with pytest.raises(anthropic.BadRequestError) as refusal:
        wire.beta.environments.update(environment.id, name="crate")
    assert refusal.value.body["error"]["details"]["error_code"] == "environment_archived"
    with pytest.raises(anthropic.BadRequestError, match="archived"):
        wire.beta.sessions.create(agent=agent.id, environment_id=environment.id)
    assert wire.beta.sessions.retrieve(session.id).status == "idle"


def test_an_environment_with_a_live_session_is_not_deleted(wire, environment, session):
    with pytest.raises(anthropic.ConflictError) as refusal:
        wire.beta.environments.delete(environment.id)
    assert refusal.value.type == "conflict_error"
    wire.beta.sessions.archive(session.id)
    gone = wire.beta.environments.delete(environment.id)
    assert (gone.id, gone.type) == (environment.id, "environment_deleted")
    assert wire.beta.sessions.retrieve(session.id).environment_id == environment.id


def test_a_deleted_environment_is_missing_and_its_name_is_free(wire, environment, agent):
    wire.beta.environments.archive(environment.id)
    wire.beta.environments.delete(environment.id)
    environments = wire.beta.environments
    for missing in (environments.retrieve, environments.update, environments.archive, environments.delete):
        with pytest.raises(anthropic.NotFoundError) as refusal:
            missing(environment.id)
        assert refusal.value.body["error"]["details"]["error_code"] == "environment_not_found"
    with pytest.raises(anthropic.NotFoundError):
        wire.beta.sessions.create(agent=agent.id, environment_id=environment.id)
    assert list(wire.beta.environments.list(include_archived=True)) == []
    assert wire.beta.environments.create(name="box").id != environment.id
    assert emitted("environment.deleted") == 1
    assert not Session.objects.exists()


def test_the_list_pages_newest_first(wire):
    made = [wire.beta.environments.create(name=str(number)).id for number in range(5)]
    assert [found.id for found in wire.beta.environments.list(limit=2)] == made[::-1]
    with pytest.raises(anthropic.BadRequestError, match="limit"):
        wire.beta.environments.list(limit=101)


def test_the_platforms_own_environment_is_read_and_never_changed(wire, call, actor):
    internal = create_environment({"name": "inside"}, actor=actor, is_internal=True)
    assert wire.beta.environments.retrieve(internal.pk).name == "inside"
    assert list(wire.beta.environments.list()) == []
    for method, path in (("POST", ""), ("POST", "/archive"), ("DELETE", "")):
        assert call(method, f"environments/{internal.pk}{path}").status_code == 400
