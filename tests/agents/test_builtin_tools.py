"""What the model is told of the built-in tools."""

import pytest
from anthropic.lib.tools.agent_toolset import AgentToolContext, beta_agent_toolset_20260401

from agents.runtime.tools.builtin import OFFERED_TOOLS, tool_definitions
from agents.sandbox.arguments import TOOL_NAMES


def names(toolset):
    return [definition["name"] for definition in tool_definitions(toolset)]


def test_definitions_are_the_ones_the_sdk_generates(tmp_path):
    oracle = [tool.to_dict() for tool in beta_agent_toolset_20260401(AgentToolContext(workdir=tmp_path))]
    assert tool_definitions({"type": "agent_toolset_20260401"}) == oracle


def test_every_offered_tool_runs_in_the_sandbox():
    assert OFFERED_TOOLS == TOOL_NAMES


def test_tool_that_is_switched_off_is_not_offered():
    assert "bash" not in names({"configs": [{"name": "bash", "enabled": False}]})


def test_tool_that_is_switched_on_beats_a_default_of_off():
    assert names({"default_config": {"enabled": False}, "configs": [{"name": "read", "enabled": True}]}) == ["read"]


def test_default_of_off_offers_nothing():
    assert names({"default_config": {"enabled": False}}) == []


@pytest.mark.parametrize("name", ["web_fetch", "web_search"])
def test_web_tools_are_not_offered_while_nothing_runs_them(name):
    assert name not in names({"configs": [{"name": name, "enabled": True}]})
