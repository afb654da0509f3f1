"""Sessions of an agent with overrides, through the official client."""

import anthropic
import pytest

from agents.models import AgentVersion, Session

TOOL = {"type": "custom", "name": "lookup", "description": "Looks up.", "input_schema": {"type": "object"}}


@pytest.fixture
def agent(wire):
    return wire.beta.agents.create(
        name="Ann",
        model={"id": "m1", "effort": "low", "inference_geo": "us"},
        system="Be kind.",
        tools=[{"type": "agent_toolset_20260401"}],
        metadata={"a": "b"},
    )


@pytest.fixture
def start(wire, agent, environment):
    """`start(**overrides)`: a session of the agent with these."""

    def with_overrides(**overrides):
        reference = {"type": "agent_with_overrides", "id": agent.id, **overrides}
        return wire.beta.sessions.create(agent=reference, environment_id=environment.id)

    return with_overrides


def test_without_overrides_everything_is_inherited(start, agent):
    effective = start().agent
    assert (effective.id, effective.version, effective.system) == (agent.id, 1, "Be kind.")
    assert (effective.model, effective.tools) == (agent.model, agent.tools)


def test_each_member_replaces_the_agents_own(wire, start, agent):
    session = start(model={"id": "m2"}, system="Be brief.", tools=[TOOL])
    effective = wire.beta.sessions.retrieve(session.id).agent
    assert (effective.model.id, effective.model.inference_geo, effective.system) == ("m2", None, "Be brief.")
    assert [tool.name for tool in effective.tools] == ["lookup"]
    assert (effective.id, effective.version, effective.name) == (agent.id, 1, "Ann")


def test_the_agent_itself_stays_as_it_is(wire, start, agent):
    start(model="m2", system=None, tools=[])
    assert wire.beta.agents.retrieve(agent.id) == agent
    assert AgentVersion.objects.count() == 1


@pytest.mark.parametrize("nothing", [None, []])
def test_null_and_nothing_clear(start, nothing):
    effective = start(system=None, tools=nothing, skills=nothing, mcp_servers=nothing).agent
    assert (effective.system, effective.tools) == (None, [])


@pytest.mark.parametrize(
    ("model", "effort"),
    [("m1", "low"), ({"id": "m1", "effort": "max"}, "low"), ({"id": "m2", "effort": "max"}, "high")],
)
def test_the_effort_of_an_override_is_not_applied(start, model, effort):
    assert start(model=model).agent.model.effort.type == effort


def test_overrides_lie_over_the_version_that_is_named(wire, start, agent):
    wire.beta.agents.update(agent.id, system="Be quick.")
    old = start(version=1, model="m2").agent
    assert (old.version, old.system, old.model.id) == (1, "Be kind.", "m2")
    assert start(model="m2").agent.system == "Be quick."


@pytest.mark.parametrize(
    ("overrides", "status", "message", "code"),
    [
        ({"model": None}, 400, "agent.model:", "agent_model_required"),
        ({"model": ""}, 400, "agent.model:", None),
        ({"system": "x" * 100_001}, 400, "agent.system:", None),
        ({"tools": [{**TOOL, "name": "mcp__x"}]}, 400, "agent.tools.0.name:", None),
        ({"tools": [{"type": "nonsense"}]}, 400, "agent.tools.0.type:", None),
        ({"skills": [{"type": "anthropic", "skill_id": "xlsx"}]}, 400, "agent.skills.0.skill_id:", None),
        ({"mcp_servers": [{"type": "url", "name": "x", "url": "https://x.io"}]}, 400, "agent.mcp_servers.0:", None),
        ({"name": "Bea"}, 400, "agent.name:", None),
        ({"id": None}, 400, "agent.id:", None),
        ({"version": 2}, 404, "Agent ", None),
        ({"id": "agent_x"}, 404, "Agent 'agent_x'", None),
    ],
)
def test_a_bad_override_makes_no_session(start, overrides, status, message, code):
    with pytest.raises(anthropic.APIStatusError) as refusal:
        start(**overrides)
    assert refusal.value.status_code == status
    error = refusal.value.body["error"]
    assert error["message"].startswith(message)
    assert error.get("details", {}).get("error_code") == code
    assert not Session.objects.exists()


def test_the_plain_reference_takes_no_overrides(wire, agent, environment):
    with pytest.raises(anthropic.BadRequestError, match=r"agent\.system"):
        wire.beta.sessions.create(agent={"type": "agent", "id": agent.id, "system": "x"}, environment_id=environment.id)
