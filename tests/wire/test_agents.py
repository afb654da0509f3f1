"""Agents through the official client."""

import anthropic
import pytest

TOOLSET = {"type": "agent_toolset_20260401", "configs": [{"name": "web_fetch", "enabled": False}]}
CUSTOM = {"type": "custom", "name": "t", "description": "d", "input_schema": {"type": "object", "x-kept": [1]}}


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


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"model": "m"}, "name: "),
        ({"name": "", "model": "m"}, "name: "),
        ({"name": "a", "model": "m", "tools": [{"type": "nonsense"}]}, "tools.0: "),
        ({"name": "a", "model": "m", "tools": [{**CUSTOM, "name": "bash"}]}, "tools.0.name: "),
        ({"name": "a", "model": "m", "skills": [{"type": "anthropic", "skill_id": "xlsx"}]}, "skills: "),
        ({"name": "a", "model": "m", "metadata": {"k": "v" * 513}}, "metadata.k: "),
    ],
)
def test_a_bad_definition_is_refused_by_its_member(wire, body, message):
    with pytest.raises(anthropic.BadRequestError) as refusal:
        wire.post("/v1/agents", cast_to=object, body=body, options={"headers": {"anthropic-beta": BETA}})
    assert refusal.value.body["error"]["message"].startswith(message)


BETA = "managed-agents-2026-04-01"
