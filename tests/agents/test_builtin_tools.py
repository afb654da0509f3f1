"""What the model is told of the built-in tools."""

from anthropic.lib.tools.agent_toolset import AgentToolContext, beta_agent_toolset_20260401

from agents.runtime.tools.builtin import OFFERED_TOOLS, tool_definitions
from agents.sandbox.arguments import TOOL_NAMES


def names(toolset):
    return [definition["name"] for definition in tool_definitions(toolset)]


def test_definitions_are_the_ones_the_sdk_generates(tmp_path):
    oracle = [tool.to_dict() for tool in beta_agent_toolset_20260401(AgentToolContext(workdir=tmp_path))]
    *ours, fetch = tool_definitions({"type": "agent_toolset_20260401"})
    assert ours == oracle
    assert fetch["name"] == "web_fetch"  # the SDK has none


def test_every_offered_tool_runs_in_the_sandbox_or_needs_none():
    assert (*TOOL_NAMES, "web_fetch") == OFFERED_TOOLS


def test_tool_that_is_switched_off_is_not_offered():
    assert "bash" not in names({"configs": [{"name": "bash", "enabled": False}]})


def test_tool_that_is_switched_on_beats_a_default_of_off():
    assert names({"default_config": {"enabled": False}, "configs": [{"name": "read", "enabled": True}]}) == ["read"]


def test_default_of_off_offers_nothing():
    assert names({"default_config": {"enabled": False}}) == []


def test_searching_is_not_offered_while_there_is_nobody_to_ask():
    assert "web_search" not in names({"configs": [{"name": "web_search", "enabled": True}]})
