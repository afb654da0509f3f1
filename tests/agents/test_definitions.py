"""An agent's definition, resolved."""

import pytest

from agents.definitions import resolve
from agents.exceptions import InvalidRequest

MINIMAL = {"name": "Ann", "model": "claude-opus-5-5"}
TOOLSET = "agent_toolset_20260401"
ALLOW = {"type": "always_allow"}


def custom(**changes):
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "additionalProperties": False}
    return {
        "type": "custom",
        "name": "get_weather",
        "description": "Says the weather.",
        "input_schema": schema,
    } | changes


def test_everything_left_out_gets_its_default():
    assert resolve(MINIMAL) == {
        "name": "Ann",
        "description": None,
        "model": {"id": "claude-opus-5-5", "effort": {"type": "high"}, "speed": "standard", "inference_geo": None},
        "system": None,
        "tools": [],
        "mcp_servers": [],
        "skills": [],
        "multiagent": None,
        "execution_identity": {"type": "service_account"},
        "metadata": {},
    }


def test_a_toolset_lists_the_tools_that_differ_resolved():
    tools = [{"type": TOOLSET, "default_config": {"enabled": False}, "configs": [{"name": "bash", "enabled": True}]}]
    assert resolve({**MINIMAL, "tools": tools})["tools"] == [
        {
            "type": TOOLSET,
            "default_config": {"enabled": False, "permission_policy": ALLOW},
            "configs": [{"name": "bash", "type": "bash", "enabled": True, "permission_policy": ALLOW}],
        }
    ]


def test_a_custom_tool_keeps_its_schema_word_for_word():
    assert resolve({**MINIMAL, "tools": [custom()]})["tools"] == [custom()]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 257}, "name"),
        ({"system": "x" * 100_001}, "system"),
        ({"description": "x" * 2_049}, "description"),
        ({"metadata": {"k": "v" * 513}}, "metadata.k"),
        ({"metadata": {str(n): "" for n in range(17)}}, "metadata"),
        ({"tools": [{"type": TOOLSET}, {"type": TOOLSET}]}, "tools.1"),
        ({"tools": [custom(), custom()]}, "tools.1"),
        ({"tools": [custom(name="bash")]}, "tools.0.name"),
        ({"tools": [custom(name="mcp__x")]}, "tools.0.name"),
        ({"tools": [custom(name="a b")]}, "tools.0.name"),
        ({"tools": [custom(description=" ")]}, "tools.0.description"),
        ({"tools": [custom(input_schema={"type": "object", "anyOf": []})]}, "tools.0.input_schema"),
        ({"tools": [custom(input_schema={"type": "object", "x": [{"$ref": "#"}]})]}, "tools.0.input_schema"),
        ({"tools": [custom(input_schema={"type": "object", "properties": {"a b": {}}})]}, "tools.0.input_schema.prop"),
        ({"tools": [custom(name=f"t{n}") for n in range(257)]}, "tools"),
        ({"tools": [{"type": TOOLSET, "configs": [{"name": "bash"}, {"name": "bash"}]}]}, "tools.0.configs.1"),
        ({"tools": [{"type": TOOLSET, "configs": [{"name": "sing"}]}]}, "tools.0.configs.0.name"),
        ({"mcp_servers": [{"type": "url", "name": "x", "url": "https://x"}]}, "mcp_servers"),
        ({"skills": [{"type": "anthropic", "skill_id": "xlsx"}]}, "skills"),
        ({"multiagent": {"type": "coordinator", "agents": ["a"]}}, "multiagent"),
        ({"execution_identity": {"type": "aws_role", "role_arn": "x"}}, "execution_identity.type"),
    ],
)
def test_a_bad_member_is_named(body, field):
    with pytest.raises(InvalidRequest) as refusal:
        resolve({**MINIMAL, **body})
    assert refusal.value.message.startswith(field)


def test_an_update_keeps_what_it_leaves_out_and_clears_what_it_empties():
    before = resolve({**MINIMAL, "description": "d", "system": "s", "tools": [custom()], "metadata": {"a": "1"}})
    after = resolve({"description": "", "system": None, "metadata": {"b": "2"}}, before)
    assert (after["description"], after["system"], after["tools"]) == (None, None, [custom()])
    assert after["metadata"] == {"a": "1", "b": "2"}
    assert resolve({"tools": None}, before)["tools"] == []


def test_effort_stays_with_the_model_and_nothing_else_does():
    before = resolve({"name": "Ann", "model": {"id": "m", "effort": "low", "speed": "fast", "inference_geo": "eu"}})
    same = resolve({"model": "m"}, before)["model"]
    other = resolve({"model": "n"}, before)["model"]
    assert same == {"id": "m", "effort": {"type": "low"}, "speed": "standard", "inference_geo": None}
    assert other["effort"] == {"type": "high"}


def test_an_update_without_a_difference_resolves_to_the_same_definition():
    before = resolve({**MINIMAL, "tools": [{"type": TOOLSET}]})
    assert resolve({"name": "Ann", "tools": [{"type": TOOLSET}], "metadata": {}}, before) == before
