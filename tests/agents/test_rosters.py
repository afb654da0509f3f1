"""Rosters in an agent's definition: pinned, merged level by level, shown and frozen."""

import pytest

from agents.definitions import Owner, resolve
from agents.definitions.multiagent import RosterAgent, frozen, shown, with_own_copies
from agents.exceptions import InvalidRequest

OWN = "agent_own"
ON, OFF = {"type": "enabled"}, {"type": "disabled"}
ADVISOR = {"type": "advisor", "model": "claude-opus-5-5"}
NEW = "multiagent_20261001"


def definition(name, *, geo=None, multiagent=None):
    return {"name": name, "model": {"id": "m", "inference_geo": geo}, "multiagent": multiagent}


AGENTS = {
    "bea": ("Bea", [definition("Bea"), definition("Bea 2")], False),
    "carl": ("Carl", [definition("Carl")], False),
    "gone": ("Gone", [definition("Gone")], True),
    "lead": ("Lead", [definition("Lead", multiagent={"type": "coordinator"})], False),
    "far": ("Far", [definition("Far", geo="eu")], False),
    "fake": ("anthropic.advisor", [definition("anthropic.advisor")], False),
    OWN: ("Ann", [definition("Ann"), definition("Ann"), definition("Ann", multiagent={"type": NEW})], False),
    **{f"a{n}": ("A", [definition("A")], False) for n in range(21)},
}


def find(agent_id, version):
    if agent_id not in AGENTS:
        return None
    _, versions, is_archived = AGENTS[agent_id]
    number = version or len(versions)
    if number > len(versions):
        return None
    return RosterAgent(id=agent_id, version=number, is_archived=is_archived, definition=versions[number - 1])


OWNER = Owner(id=OWN, version=3, find=find)


def roster(multiagent, before=None, **body):
    body |= {} if before else {"name": "Ann", "model": "m"}
    return resolve({**body, "multiagent": multiagent}, before, owner=OWNER)["multiagent"]


def coordinator(*agents):
    return {"type": "coordinator", "agents": list(agents)}


def pin(agent_id, version=1):
    return {"type": "agent", "id": agent_id, "version": version}


def predefined(*agents, **members):
    return {"type": "enabled", "predefined_agents": list(agents), **members}


def test_every_form_of_a_member_is_pinned_and_the_advisor_comes_last():
    wanted = coordinator(ADVISOR, "bea", {"type": "agent", "id": "carl"}, {"type": "self"})
    resolved = roster(wanted)
    assert resolved == coordinator(pin("bea", 2), pin("carl"), {"type": "self"}, ADVISOR)
    assert shown(resolved, OWN, 4)["agents"][2] == pin(OWN, 4)
    assert roster(coordinator(pin("bea", 1))) == coordinator(pin("bea", 1))


def test_what_was_shown_can_be_sent_back():
    resolved = roster(coordinator("bea", {"type": "self"}, ADVISOR))
    assert roster(shown(resolved, OWN, 3)) == resolved
    resolved = roster({"type": NEW, "subagents": predefined("bea", {"type": "self"})})
    assert roster(shown(resolved, OWN, 3)) == resolved
    assert roster(coordinator(OWN)) == coordinator({"type": "self"})


def test_the_newer_type_has_its_defaults():
    assert roster({"type": NEW}) == {
        "type": NEW,
        "subagents": {**predefined(), "inline_agents": ON},
        "workflows": {**predefined(), "inline_agents": ON},
        "advisor": OFF,
    }


def test_an_update_of_the_newer_type_is_merged_level_by_level():
    first = {
        "type": NEW,
        "subagents": predefined(pin("bea", 1), inline_agents=OFF),
        "workflows": OFF,
        "advisor": {**ON, "model": "claude-opus-5-5"},
    }
    before = resolve({"name": "Ann", "model": "m", "multiagent": first}, owner=OWNER)
    assert roster({"type": NEW}, before) == first
    assert roster({"type": NEW, "subagents": ON}, before) == first, "an old pin stays where the list is left out"
    assert roster({"type": NEW, "subagents": {**ON, "inline_agents": None}}, before)["subagents"] == predefined(
        pin("bea", 1), inline_agents=ON
    )
    assert roster({"type": NEW, "subagents": predefined("carl")}, before)["subagents"] == predefined(
        pin("carl"), inline_agents=OFF
    )
    assert roster({"type": NEW, "workflows": ON}, before)["workflows"] == predefined(inline_agents=ON)
    cleared = roster({"type": NEW, "subagents": None, "workflows": None, "advisor": None}, before)
    assert cleared == roster({"type": NEW})
    assert roster({"type": NEW, "advisor": OFF}, before)["advisor"] == OFF


def test_another_type_replaces_the_whole_and_null_clears():
    before = resolve({"name": "Ann", "model": "m", "multiagent": coordinator("bea")}, owner=OWNER)
    assert roster({"type": NEW}, before)["subagents"]["predefined_agents"] == []
    assert roster(None, before) is None
    assert resolve({"system": "s"}, before, owner=OWNER)["multiagent"] == before["multiagent"]


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        (coordinator(), "multiagent.agents"),
        (coordinator(*(f"a{n}" for n in range(21))), "multiagent.agents"),
        (coordinator("bea", pin("bea", 1)), "multiagent.agents.1"),
        (coordinator({"type": "self"}, {"type": "self"}), "multiagent.agents.1"),
        (coordinator({"type": "self"}, OWN), "multiagent.agents.1"),
        (coordinator(ADVISOR, {**ADVISOR, "model": "other"}), "multiagent.agents"),
        (coordinator({**ADVISOR, "model": ""}), "multiagent.agents.0.model"),
        (coordinator(ADVISOR, "nobody"), "multiagent.agents.1"),
        (coordinator(pin("bea", 0)), "multiagent.agents.0.version"),
        (coordinator("nobody"), "multiagent.agents.0"),
        (coordinator("bea", pin("carl", 2)), "multiagent.agents.1"),
        (coordinator("gone"), "multiagent.agents.0"),
        (coordinator("lead"), "multiagent.agents.0"),
        (coordinator("far"), "multiagent"),
        (coordinator("fake", ADVISOR), "multiagent"),
        ({"type": NEW, "subagents": {**ON, "inline_agents": OFF}}, "multiagent.subagents.predefined_agents"),
        ({"type": NEW, "workflows": predefined("gone")}, "multiagent.workflows.predefined_agents.0"),
        ({"type": NEW, "workflows": predefined("far")}, "multiagent"),
        (
            {"type": NEW, "subagents": predefined(*(f"a{n}" for n in range(21)))},
            "multiagent.subagents.predefined_agents",
        ),
        ({"type": NEW, "subagents": predefined("fake"), "advisor": {**ON, "model": "m"}}, "multiagent"),
    ],
)
def test_a_bad_roster_is_named(wanted, field):
    with pytest.raises(InvalidRequest) as refusal:
        roster(wanted)
    assert refusal.value.message.startswith(f"{field}: ")


def test_a_coordinator_may_hold_an_agent_of_the_advisors_name_without_an_advisor():
    assert roster(coordinator("fake")) == coordinator(pin("fake"))


def test_a_move_to_another_region_is_refused_while_the_roster_stays():
    before = resolve({"name": "Ann", "model": "m", "multiagent": coordinator("bea")}, owner=OWNER)
    with pytest.raises(InvalidRequest, match="inference_geo"):
        resolve({"model": {"id": "m", "inference_geo": "eu"}}, before, owner=OWNER)


def test_a_session_freezes_whole_definitions():
    own = {"id": OWN, "version": 4, "type": "agent", "name": "Ann", "multiagent": "x", "metadata": {}}
    bea = {"id": "bea", "version": 2, "type": "agent", "name": "Bea", "multiagent": None, "metadata": {}}
    stored = coordinator(pin("bea", 2), {"type": "self"}, ADVISOR)
    alone = {"id": OWN, "version": 4, "type": "agent", "name": "Ann"}
    whole = frozen(stored, own, {("bea", 2): bea})
    assert whole == coordinator({"id": "bea", "version": 2, "type": "agent", "name": "Bea"}, alone, ADVISOR)
    changed = with_own_copies({**own, "multiagent": whole, "name": "New"})["multiagent"]["agents"]
    assert [entry.get("name") for entry in changed] == ["Bea", "New", None]
