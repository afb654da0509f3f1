"""What the model is told of the built-in tools."""

from anthropic.lib.tools.agent_toolset import AgentToolContext, beta_agent_toolset_20260401

from agents.runtime.tools.builtin import OFFERED_TOOLS, tool_definitions
from agents.sandbox.arguments import TOOL_NAMES


def names(toolset):
    return [definition["name"] for definition in tool_definitions(toolset)]


def test_definitions_are_the_ones_the_sdk_generates(tmp_path):
    oracle = [tool.to_dict() for tool in beta_agent_toolset_20260401(AgentToolContext(workdir=tmp_path))]
    *ours, fetch, search = tool_definitions({"type": "agent_toolset_20260401"})
    assert ours == oracle
    assert (fetch["name"], fetch["input_schema"]["required"]) == ("web_fetch", ["url"])  # the SDK has neither
    assert (search["name"], search["input_schema"]["required"]) == ("web_search", ["query"])


def test_every_offered_tool_runs_in_the_sandbox_or_needs_none():
    assert (*TOOL_NAMES, "web_fetch", "web_search") == OFFERED_TOOLS


def test_tool_that_is_switched_off_is_not_offered():
    assert "bash" not in names({"configs": [{"name": "bash", "enabled": False}]})


def test_tool_that_is_switched_on_beats_a_default_of_off():
    assert names({"default_config": {"enabled": False}, "configs": [{"name": "read", "enabled": True}]}) == ["read"]


def test_default_of_off_offers_nothing():
    assert names({"default_config": {"enabled": False}}) == []
