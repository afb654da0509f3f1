"""Agents through the official client."""

import anthropic
import pytest

from agents.services.agents import create_agent

TOOLSET = {"type": "agent_toolset_20260401", "configs": [{"name": "web_fetch", "enabled": False}]}
CUSTOM = {"type": "custom", "name": "t", "description": "d", "input_schema": {"type": "object", "x-kept": [1]}}


def schema_of(**members):
    return {**CUSTOM, "input_schema": {"type": "object", **members}}


def test_a_new_agent_comes_back_resolved(wire):
    agent = wire.beta.agents.create(
        name="Ann",
        model={"id": "any-model", "effort": "low"},
        description="d",
        system="s",
        tools=[TOOLSET, CUSTOM],
        metadata={"a": "b"},
    )
    assert agent == wire.beta.agents.retrieve(agent.id)
    assert (agent.version, agent.model.effort.type, agent.metadata) == (1, "low", {"a": "b"})
    assert agent.tools[0].configs[0].enabled is False
    assert agent.to_dict()["tools"][1]["input_schema"] == CUSTOM["input_schema"]


def test_an_update_makes_a_version_and_the_old_one_stays_readable(wire, agent):
    updated = wire.beta.agents.update(agent.id, version=1, system="new")
    assert (updated.version, updated.system) == (2, "new")
    assert wire.beta.agents.retrieve(agent.id, version=1).system is None
    assert [version.version for version in wire.beta.agents.versions.list(agent.id)] == [2, 1]


def test_an_update_that_changes_nothing_makes_no_version(wire, agent):
    assert wire.beta.agents.update(agent.id, version=1, name="Ann").version == 1


def test_a_stale_version_is_a_conflict_that_is_not_retried(wire, agent):
    wire.beta.agents.update(agent.id, version=1, system="new")
    with pytest.raises(anthropic.ConflictError) as refusal:
        wire.beta.agents.update(agent.id, version=1, system="new")
    assert refusal.value.type == "conflict_error"
    assert refusal.value.response.headers["x-should-retry"] == "false"


def test_an_archived_agent_leaves_the_list_and_takes_no_update(wire, agent):
    assert wire.beta.agents.archive(agent.id).archived_at
    assert wire.beta.agents.archive(agent.id).archived_at
    assert list(wire.beta.agents.list()) == []
    assert [found.id for found in wire.beta.agents.list(include_archived=True)] == [agent.id]
    with pytest.raises(anthropic.BadRequestError, match="archived"):
        wire.beta.agents.update(agent.id, name="Bea")


def test_the_list_pages_through_all_newest_first(wire):
    made = [wire.beta.agents.create(name=str(number), model="m").id for number in range(5)]
    assert [agent.id for agent in wire.beta.agents.list(limit=2)] == made[::-1]


def test_created_at_bounds_filter_and_a_cursor_outside_them_is_refused(wire):
    first, second, third = (wire.beta.agents.create(name=str(number), model="m") for number in range(3))
    bounded = wire.beta.agents.list(created_at_gte=second.created_at, created_at_lte=second.created_at)
    assert [agent.id for agent in bounded] == [second.id]
    page = wire.beta.agents.list(limit=1)
    assert page.data[0].id == third.id
    with pytest.raises(anthropic.BadRequestError, match="cursor"):
        wire.beta.agents.list(page=page.next_page, created_at_lte=first.created_at)


def test_an_update_without_a_version_lies_over_what_is_there(wire, agent):
    wire.beta.agents.update(agent.id, system="one")
    assert wire.beta.agents.update(agent.id, description="two").version == 3
    latest = wire.beta.agents.retrieve(agent.id)
    assert (latest.system, latest.description, latest.name) == ("one", "two", "Ann")


@pytest.mark.parametrize("nothing", [None, ""])
def test_texts_are_cleared_by_null_and_by_nothing(wire, agent, nothing):
    wire.beta.agents.update(agent.id, system="s", description="d")
    cleared = wire.beta.agents.update(agent.id, system=nothing, description=nothing)
    assert (cleared.system, cleared.description) == (None, None)


@pytest.mark.parametrize("nothing", [None, []])
def test_lists_are_replaced_whole_and_cleared_by_null_and_by_nothing(wire, agent, nothing):
    assert [tool.type for tool in wire.beta.agents.update(agent.id, tools=[CUSTOM]).tools] == ["custom"]
    cleared = wire.beta.agents.update(agent.id, tools=nothing, mcp_servers=nothing, skills=nothing, multiagent=None)
    assert (cleared.tools, cleared.mcp_servers, cleared.skills, cleared.multiagent) == ([], [], [], None)


def test_metadata_is_merged(wire, agent):
    wire.beta.agents.update(agent.id, metadata={"a": "1", "b": "2"})
    assert wire.beta.agents.update(agent.id, metadata={"a": None, "c": ""}).metadata == {"b": "2", "c": ""}
    assert wire.beta.agents.update(agent.id, metadata=None).version == 3


def test_the_model_is_replaced_as_an_object_and_keeps_its_effort(wire):
    agent = wire.beta.agents.create(name="Ann", model={"id": "m", "effort": {"type": "low"}, "inference_geo": "us"})
    same = wire.beta.agents.update(agent.id, model={"id": "m", "speed": "fast"}).model
    assert (same.effort.type, same.speed, same.inference_geo) == ("low", "fast", None)
    assert wire.beta.agents.update(agent.id, model="other").model.effort.type == "high"


def test_versions_page_newest_first_and_end(wire, agent):
    for number in range(4):
        wire.beta.agents.update(agent.id, system=str(number))
    versions = wire.beta.agents.versions
    assert [found.version for found in versions.list(agent.id, limit=2)] == [5, 4, 3, 2, 1]
    assert versions.list(agent.id, limit=5).next_page is None
    other = wire.beta.agents.create(name="Bea", model="m")
    with pytest.raises(anthropic.BadRequestError, match="another list"):
        versions.list(other.id, page=versions.list(agent.id, limit=2).next_page)
    with pytest.raises(anthropic.BadRequestError, match="limit"):
        versions.list(agent.id, limit=101)


def test_an_unknown_version_is_missing(wire, agent):
    with pytest.raises(anthropic.NotFoundError, match="version 2"):
        wire.beta.agents.retrieve(agent.id, version=2)


def test_the_platforms_own_agent_is_read_and_never_changed(wire, actor):
    internal = create_agent({"name": "Inside", "model": "m"}, actor=actor, is_internal=True)
    assert wire.beta.agents.retrieve(internal.pk).name == "Inside"
    assert list(wire.beta.agents.list()) == []
    with pytest.raises(anthropic.BadRequestError, match="platform"):
        wire.beta.agents.update(internal.pk, name="Mine")
    with pytest.raises(anthropic.BadRequestError, match="platform"):
        wire.beta.agents.archive(internal.pk)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": None}, "name: "),
        ({"model": None}, "model: "),
        ({"name": "x" * 257}, "name: "),
        ({"description": "x" * 2_049}, "description: "),
        ({"system": "x" * 100_001}, "system: "),
        ({"metadata": {f"k{number}": "" for number in range(17)}}, "metadata: "),
        ({"more": 1}, "more: "),
    ],
)
def test_a_bad_update_makes_no_version(wire, agent, change, message):
    with pytest.raises(anthropic.BadRequestError) as refusal:
        wire.beta.agents.update(agent.id, extra_body=change)
    assert refusal.value.body["error"]["message"].startswith(message)
    assert wire.beta.agents.retrieve(agent.id) == agent


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"model": "m"}, "name: "),
        ({"name": "", "model": "m"}, "name: "),
        ({"name": "a", "model": "m", "tools": [{"type": "nonsense"}]}, "tools.0.type: "),
        ({"name": "a", "model": "m", "tools": [{**CUSTOM, "name": "bash"}]}, "tools.0.name: "),
        ({"name": "a", "model": "m", "skills": [{"type": "anthropic", "skill_id": "xlsx"}]}, "skills.0.skill_id: "),
        ({"name": "a", "model": "m", "metadata": {"k": "v" * 513}}, "metadata.k: "),
        ({"name": "a", "model": ""}, "model: "),
        ({"name": "a", "model": {"id": "m", "effort": "huge"}}, "model.effort"),
        ({"name": "a", "model": "m", "tools": [TOOLSET, TOOLSET]}, "tools.1: "),
        ({"name": "a", "model": "m", "tools": [CUSTOM, CUSTOM]}, "tools.1: "),
        ({"name": "a", "model": "m", "tools": [{**CUSTOM, "name": f"t{n}"} for n in range(257)]}, "tools: "),
        ({"name": "a", "model": "m", "tools": [{**CUSTOM, "name": "ant__t"}]}, "tools.0.name: "),
        ({"name": "a", "model": "m", "tools": [{**CUSTOM, "name": "a b"}]}, "tools.0.name: "),
        ({"name": "a", "model": "m", "tools": [{**CUSTOM, "description": " "}]}, "tools.0.description: "),
        ({"name": "a", "model": "m", "tools": [schema_of(type="array")]}, "tools.0.input_schema.type: "),
        ({"name": "a", "model": "m", "tools": [schema_of(anyOf=[])]}, "tools.0.input_schema: "),
        ({"name": "a", "model": "m", "tools": [schema_of(properties={"a b": {}})]}, "tools.0.input_schema.properties"),
        ({"name": "a", "model": "m", "tools": [schema_of(properties={"a": 1})]}, "tools.0.input_schema.properties.a: "),
        ({"name": "a", "model": "m", "tools": [schema_of(properties={"a": {"$ref": "#"}})]}, "tools.0.input_schema: "),
        ({"name": "a", "model": "m", "multiagent": {"type": "coordinator", "agents": ["x"]}}, "multiagent.agents.0: "),
        (
            {"name": "a", "model": "m", "execution_identity": {"type": "aws_role", "role_arn": "x"}},
            "execution_identity",
        ),
    ],
)
def test_a_bad_definition_is_refused_by_its_member(wire, body, message):
    with pytest.raises(anthropic.BadRequestError) as refusal:
        wire.post("/v1/agents", cast_to=object, body=body, options={"headers": {"anthropic-beta": BETA}})
    assert refusal.value.body["error"]["message"].startswith(message)


BETA = "managed-agents-2026-04-01"


def test_a_version_guard_starts_at_one(wire, agent):
    with pytest.raises(anthropic.BadRequestError, match=r"version: "):
        wire.beta.agents.update(agent.id, version=0, system="new")


def test_what_is_shown_can_be_sent_back(wire):
    sources = {"server_tool_results": {"type": "only", "tools": [{"type": "tool_reference", "name": "web_search"}]}}
    agent = wire.beta.agents.create(
        name="Ann",
        model="m",
        tools=[
            {
                "type": "agent_toolset_20260401",
                "default_config": {"enabled": False},
                "configs": [
                    {"name": "web_fetch", "enabled": True, "url_sources": sources, "allowed_domains": ["a.io"]},
                    {"name": "web_search", "permission_policy": {"type": "auto"}, "user_location": None},
                ],
            },
            {"type": "mcp_toolset", "mcp_server_name": "tickets", "configs": [{"name": "close", "enabled": False}]},
            CUSTOM,
        ],
        mcp_servers=[{"type": "url", "name": "tickets", "url": "https://mcp.example.com/mcp"}],
    )
    fetch, search = agent.tools[0].configs
    assert (fetch.allowed_domains, fetch.blocked_domains, fetch.url_sources.user_input) == (["a.io"], None, None)
    assert (search.enabled, search.permission_policy.type, search.user_location) == (False, "auto", None)
    assert agent.tools[1].default_config.permission_policy.type == "always_ask"
    shown = agent.to_dict()
    members = ("name", "model", "tools", "mcp_servers", "skills", "multiagent", "execution_identity", "metadata")
    again = wire.beta.agents.update(agent.id, version=1, **{name: shown[name] for name in members if name in shown})
    assert again == agent


ADVISOR = {"type": "advisor", "model": "claude-opus-5-5"}


@pytest.fixture
def bea(wire):
    return wire.beta.agents.create(name="Bea", model="m", system="Be Bea.")


def test_a_roster_is_pinned_and_keeps_its_pins(wire, bea):
    lead = wire.beta.agents.create(
        name="Lead", model="m", multiagent={"type": "coordinator", "agents": [ADVISOR, bea.id, {"type": "self"}]}
    )
    assert lead.multiagent.to_dict()["agents"] == [
        {"type": "agent", "id": bea.id, "version": 1},
        {"type": "agent", "id": lead.id, "version": 1},
        ADVISOR,
    ]
    wire.beta.agents.update(bea.id, system="Be Bea again.")
    updated = wire.beta.agents.update(lead.id, system="Lead.")
    assert [entry.to_dict().get("version") for entry in updated.multiagent.agents] == [1, 2, None]
    shown = updated.multiagent.to_dict()
    assert wire.beta.agents.update(lead.id, multiagent=shown).version == 2
    again = wire.beta.agents.update(lead.id, multiagent={"type": "coordinator", "agents": [bea.id]})
    assert [entry.version for entry in again.multiagent.agents] == [2]
    assert wire.beta.agents.retrieve(lead.id, version=1).multiagent.agents[1].version == 1
    assert wire.beta.agents.update(lead.id, multiagent=None).multiagent is None


def test_the_newer_roster_is_resolved_and_merged(wire, bea):
    lead = wire.beta.agents.create(name="Lead", model="m", multiagent={"type": "multiagent_20261001"})
    assert lead.multiagent.subagents.inline_agents.type == "enabled"
    assert (lead.multiagent.workflows.predefined_agents, lead.multiagent.advisor.type) == ([], "disabled")
    roster = {
        "type": "multiagent_20261001",
        "subagents": {"type": "enabled", "predefined_agents": [bea.id], "inline_agents": {"type": "disabled"}},
        "workflows": {"type": "disabled"},
    }
    changed = wire.beta.agents.update(lead.id, multiagent=roster).multiagent
    assert [entry.version for entry in changed.subagents.predefined_agents] == [1]
    wire.beta.agents.update(bea.id, system="new")
    kept = wire.beta.agents.update(
        lead.id,
        multiagent={"type": "multiagent_20261001", "advisor": {"type": "enabled", "model": "m"}, "workflows": None},
    ).multiagent
    assert (kept.subagents, kept.advisor.model) == (changed.subagents, "m")
    assert kept.workflows.inline_agents.type == "enabled"


def test_a_session_holds_whole_definitions_of_the_roster(wire, bea, environment):
    lead = wire.beta.agents.create(
        name="Lead", model="m", multiagent={"type": "coordinator", "agents": [bea.id, {"type": "self"}, ADVISOR]}
    )
    wire.beta.agents.update(bea.id, system="Be somebody else.")
    overrides = {"type": "agent_with_overrides", "id": lead.id, "system": "Only today."}
    session = wire.beta.sessions.create(agent=overrides, environment_id=environment.id)
    first, own, advisor = session.agent.multiagent.agents
    assert (first.id, first.version, first.system) == (bea.id, 1, "Be Bea.")
    assert (own.id, own.version, own.system) == (lead.id, 1, "Only today.")
    assert advisor.model == ADVISOR["model"]
    updated = wire.beta.sessions.update(session.id, agent={"tools": [CUSTOM]})
    assert [len(entry.tools) for entry in updated.agent.multiagent.agents[:2]] == [0, 1]
    thread = next(iter(wire.beta.sessions.threads.list(session.id)))
    assert "multiagent" not in thread.agent.to_dict()


def test_a_roster_names_only_agents_of_its_workspace(wire, bea, call, actor):
    internal = create_agent({"name": "Inside", "model": "m"}, actor=actor, is_internal=True)
    wire.beta.agents.archive(bea.id)
    lead = wire.beta.agents.create(name="Lead", model="m", multiagent={"type": "multiagent_20261001"})
    for unfit in (internal.pk, bea.id, lead.id, "agent_elsewhere"):
        with pytest.raises(anthropic.BadRequestError, match=r"multiagent\.agents\.0: "):
            wire.beta.agents.create(name="X", model="m", multiagent={"type": "coordinator", "agents": [unfit]})


def test_the_session_of_an_archived_roster_goes_on(wire, bea, environment):
    lead = wire.beta.agents.create(name="Lead", model="m", multiagent={"type": "coordinator", "agents": [bea.id]})
    wire.beta.agents.archive(bea.id)
    session = wire.beta.sessions.create(agent=lead.id, environment_id=environment.id)
    assert session.agent.multiagent.agents[0].name == "Bea"
    assert wire.beta.agents.update(lead.id, system="s").version == 2
