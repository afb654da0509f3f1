"""Making and changing agents on pages, without JavaScript: every rule at its field, nothing typed is lost."""

import json

import pytest

from agents.actors import Actor
from agents.definitions import BUILT_IN_TOOLS
from agents.models import Agent, Environment, File, InboxEvent, Session
from agents.services.agents import archive_agent, create_agent, update_agent
from agents.services.vaults import create_vault
from memory.models import MemoryStore
from memory.services import create_store
from tests.agents.files import make_upload

TOOL = {"name": "lookup", "description": "Looks up.", "input_schema": {"type": "object"}}
FULL = {
    "name": "Ann",
    "model": {"id": "m", "effort": "low", "speed": "fast", "inference_geo": "eu"},
    "description": "Answers.",
    "system": "Be kind.\nBe brief.",
    "tools": [
        {
            "type": "agent_toolset_20260401",
            "default_config": {"enabled": False},
            "configs": [{"name": "web_fetch", "enabled": True, "allowed_domains": ["a.io"]}],
        },
        {"type": "mcp_toolset", "mcp_server_name": "tickets", "configs": [{"name": "close", "enabled": False}]},
        {"type": "custom", **TOOL},
    ],
    "mcp_servers": [{"type": "url", "name": "tickets", "url": "https://mcp.example.com/mcp"}],
    "metadata": {"team": "support"},
}


@pytest.fixture
def bea(actor):
    return create_agent({"name": "Bea", "model": "m"}, actor=actor)


@pytest.fixture
def ann(actor, bea):
    roster = {"type": "coordinator", "agents": [bea.pk, {"type": "self"}, {"type": "advisor", "model": "m"}]}
    return create_agent(
        {**FULL, "model": {"id": "m", "effort": "low", "speed": "fast"}, "multiagent": roster}, actor=actor
    )


def definition(agent):
    agent.refresh_from_db()
    return agent.versions.get(number=agent.version).definition


def typed(client, url, **changes):
    """What a browser would send back from the page, with these fields changed."""
    form = client.get(url).context["form"]
    values = {name: form[name].value() for name in form.fields}
    return {name: value for name, value in {**values, **changes}.items() if value not in (None, [], "")}


def tools(*changes):
    """The field for custom tools: the usual one with each of these changes, a line each."""
    return {"custom_tools": "[" + ",\n".join(json.dumps(TOOL | change) for change in changes) + "]"}


def new(**changes):
    switches = {f"tool_{name}": "off" for name in BUILT_IN_TOOLS}
    return {"name": "Cid", "model": "any-model", "effort": "high", "speed": "standard", **switches, **changes}


def test_an_agent_is_made_from_what_was_typed(as_alice, bea):
    store = create_store(bea.workspace, name="Notes")
    answer = as_alice.post(
        "/agents/new/",
        new(
            system="Line one.\r\nLine two.",
            tool_bash="ask",
            tool_read="allow",
            custom_tools=json.dumps([TOOL]),
            mcp_servers="tickets https://mcp.example.com/mcp\nlogs https://logs.example.com allow",
            roster=[bea.pk],
            metadata="team = support",
            memory_enabled="on",
            memory_stores=[store.pk],
        ),
    )
    made = Agent.objects.get(name="Cid")
    assert (answer.status_code, answer.url) == (303, f"/agents/{made.pk}/start/")
    said = definition(made)
    assert said["system"] == "Line one.\nLine two."
    toolset, tickets, logs, custom = said["tools"]
    shown = {config["name"]: (config["enabled"], config["permission_policy"]["type"]) for config in toolset["configs"]}
    assert shown["bash"] == (True, "always_ask")
    assert shown["write"][0] is False
    assert "read" not in shown
    assert tickets["default_config"]["permission_policy"]["type"] == "always_ask"
    assert logs["default_config"]["permission_policy"]["type"] == "always_allow"
    assert custom["name"] == "lookup"
    assert said["multiagent"]["subagents"]["predefined_agents"] == [{"type": "agent", "id": bea.pk, "version": 1}]
    assert (said["metadata"], made.extensions["memory"]["stores"]) == ({"team": "support"}, [store.pk])


def test_saving_an_untouched_form_makes_no_version(as_alice, ann):
    before = definition(ann)
    as_alice.post(f"/agents/{ann.pk}/edit/", typed(as_alice, f"/agents/{ann.pk}/edit/"))
    assert (definition(ann), ann.version) == (before, 1)


def test_one_change_keeps_all_that_the_form_cannot_say(as_alice, ann):
    before = definition(ann)
    changed = typed(as_alice, f"/agents/{ann.pk}/edit/", tool_bash="allow", metadata="team = sales\nrank = 1")
    assert as_alice.post(f"/agents/{ann.pk}/edit/", changed).status_code == 303
    after = definition(ann)
    assert ann.version == 2
    assert after["metadata"] == {"team": "sales", "rank": "1"}
    fetch = next(config for config in after["tools"][0]["configs"] if config["name"] == "web_fetch")
    assert (fetch["enabled"], fetch["allowed_domains"]) == (True, ["a.io"])
    assert after["tools"][1:] == before["tools"][1:]
    assert after["multiagent"] == before["multiagent"]
    assert as_alice.post(f"/agents/{ann.pk}/edit/", {**changed, "version": "2", "roster": []}).status_code == 303
    assert definition(ann)["multiagent"]["agents"] == before["multiagent"]["agents"][1:]


@pytest.mark.parametrize(
    ("changes", "field", "message"),
    [
        ({"name": ""}, "name", "required"),
        ({"custom_tools": '[\n {"name": "a",\n]'}, "custom_tools", "Line 3: "),
        ({"custom_tools": "{}"}, "custom_tools", "it must be a list"),
        ({"custom_tools": '[\n\n{"name": "a"}]'}, "custom_tools", "Line 3: the tool lacks description"),
        (tools({}, {"name": "bash"}), "custom_tools", "Line 2: name"),
        (tools({"description": " "}), "custom_tools", "Line 1: description"),
        (tools({"description": "\0"}), "custom_tools", "cannot be stored"),
        (tools({"input_schema": {"type": "object", "properties": [1]}}), "custom_tools", "Line 1"),
        ({"mcp_servers": "tickets"}, "mcp_servers", "Line 1: write it as"),
        ({"mcp_servers": "a https://a.io\nb ftp://b.io"}, "mcp_servers", "url"),
        ({"metadata": "one"}, "metadata", "Line 1: write it as"),
        ({"metadata": "\n".join(f"k{n} = v" for n in range(17))}, "metadata", "At most 16"),
        ({"roster": ["agent_nobody"]}, "roster", "Select a valid choice"),
        ({"tool_bash": "sometimes"}, "tool_bash", "Select a valid choice"),
    ],
)
def test_what_is_wrong_is_said_at_its_field_and_kept(as_alice, db, changes, field, message):
    answer = as_alice.post("/agents/new/", new(system="A long prompt.", **changes))
    assert answer.status_code == 422
    assert any(message in error for error in answer.context["form"].errors[field])
    assert "A long prompt." in answer.content.decode()
    assert not Agent.objects.exists()


def test_the_memory_of_the_agent_is_made_or_left_alone(as_alice, ann):
    as_alice.post(f"/agents/{ann.pk}/edit/", typed(as_alice, f"/agents/{ann.pk}/edit/"))
    assert not MemoryStore.objects.exists()
    as_alice.post(f"/agents/{ann.pk}/edit/", typed(as_alice, f"/agents/{ann.pk}/edit/", memory_enabled="on"))
    ann.refresh_from_db()
    assert ann.extensions["memory"]["stores"] == [MemoryStore.objects.get().pk]
    assert ann.version == 1


def test_two_editors_are_both_shown(as_alice, ann, actor):
    mine = typed(as_alice, f"/agents/{ann.pk}/edit/", system="Mine entirely.")
    update_agent(ann, {"system": "Theirs already."}, actor=actor)
    conflict = as_alice.post(f"/agents/{ann.pk}/edit/", mine)
    text = conflict.content.decode()
    assert conflict.status_code == 409
    assert all(word in text for word in ("version 2 meanwhile", "Theirs", "Mine entirely.", "Save mine over version 2"))
    assert definition(ann)["system"] == "Theirs already."
    assert as_alice.post(f"/agents/{ann.pk}/edit/", {**mine, "version": "2"}).status_code == 303
    assert (definition(ann)["system"], ann.version) == ("Mine entirely.", 3)


def test_versions_are_listed_and_compared(as_bob, ann, actor):
    update_agent(ann, {"system": "Be cruel.\nBe brief."}, actor=actor)
    page = as_bob.get(f"/agents/{ann.pk}/versions/").content.decode()
    assert "Version 2" in page
    assert "current" in page
    compared = as_bob.get(f"/agents/{ann.pk}/compare/", {"old": "1", "new": "2"}).content.decode()
    assert "cruel" in compared
    assert "<del>" in compared
    assert as_bob.get(f"/agents/{ann.pk}/compare/", {"new": "1"}).status_code == 200
    assert as_bob.get(f"/agents/{ann.pk}/compare/", {"new": "99"}).status_code == 404
    assert as_bob.get(f"/agents/{ann.pk}/compare/", {"old": "x", "new": "9" * 40}).status_code == 404


def test_a_version_of_hostile_text_is_inert(as_bob, actor):
    agent = create_agent({"name": "<script>x</script>", "model": "m", "system": "<img onerror=x>"}, actor=actor)
    for path in ("versions/", "compare/"):
        page = as_bob.get(f"/agents/{agent.pk}/{path}").content.decode()
        assert "<script>x" not in page
        assert "<img onerror" not in page


def test_a_first_session_needs_no_environment(as_alice, bea):
    answer = as_alice.post(f"/agents/{bea.pk}/start/", {"environment": "new", "text": "Hello", "title": "First"})
    session = Session.objects.get()
    assert answer.url == f"/sessions/{session.pk}/"
    assert (session.title, session.status, Environment.objects.get().name) == ("First", "running", "default")
    assert InboxEvent.objects.get().payload["content"][0]["text"] == "Hello"
    again = as_alice.post(f"/agents/{bea.pk}/start/", {"environment": session.environment_id, "text": "Again"})
    assert (again.status_code, Session.objects.count(), Environment.objects.count()) == (303, 2, 1)


def test_a_session_is_given_files_and_vaults(as_alice, bea, actor, charlie):
    kept, gone, vault = make_upload(actor), make_upload(actor), create_vault({"display_name": "Keys"}, actor=actor)
    File.objects.filter(pk=gone.pk).update(expires_at=gone.created_at)
    theirs = make_upload(Actor.of_member(charlie))
    shown = as_alice.get(f"/agents/{bea.pk}/start/").content.decode()
    assert [pk in shown for pk in (kept.pk, vault.pk, gone.pk, theirs.pk)] == [True, True, False, False]
    typed = {"environment": "new", "text": "Hello", "uploads": [kept.pk], "vaults": [vault.pk]}
    assert as_alice.post(f"/agents/{bea.pk}/start/", typed | {"uploads": [theirs.pk]}).status_code == 422
    assert as_alice.post(f"/agents/{bea.pk}/start/", typed).status_code == 303
    session = Session.objects.get()
    assert session.vault_ids == [vault.pk]
    assert [row.config["original_id"] for row in session.resources.filter(kind="file")] == [kept.pk]


def test_a_session_that_cannot_start_says_why(as_alice, ann, actor):
    archive_agent(ann, actor=actor)
    answer = as_alice.post(f"/agents/{ann.pk}/start/", {"environment": "new", "text": "Hello"})
    assert (answer.status_code, "is archived" in answer.content.decode()) == (422, True)
    assert "Hello" in answer.content.decode()
    assert not Session.objects.exists()
    assert not Environment.objects.exists()


def test_archiving_asks_first(as_alice, bea):
    assert "cannot be brought back" in as_alice.get(f"/agents/{bea.pk}/archive/").content.decode()
    bea.refresh_from_db()
    assert not bea.is_archived
    as_alice.post(f"/agents/{bea.pk}/archive/")
    bea.refresh_from_db()
    assert bea.is_archived
