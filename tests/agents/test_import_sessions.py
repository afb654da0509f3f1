"""Transcripts from elsewhere as finished sessions."""

import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command

from agents.models import Agent, Session, Verdict
from agents.services.imports import import_transcripts

pytestmark = pytest.mark.django_db(transaction=True)

AIRLINE = Path(__file__).parents[3] / "shared" / "data" / "airline-sessions.jsonl"

CUSTOM_USE = "agent.custom_tool_use"
CALL = {"id": "c1", "type": "function", "function": {"name": "find_order", "arguments": '{"order": "A1"}'}}
OPENAI = {
    "messages": [
        {"role": "system", "content": "Help customers."},
        {"role": "user", "content": "Where is my order?"},
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "c1", "name": "find_order", "content": "Error: order A1 not found"},
        {"role": "assistant", "content": "I cannot find it."},
    ],
    "reward": 0.0,
    "task_id": 7,
    "principal": "ana",
}
ANTHROPIC = {
    "system": "Help.",
    "messages": [
        {"role": "user", "content": "Count the files."},
        {
            "role": "assistant",
            "content": [
                {"type": "text", "text": "Counting."},
                {"type": "tool_use", "id": "t1", "name": "bash", "input": {"command": "ls | wc -l"}},
            ],
        },
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "3"}]},
        {"role": "assistant", "content": "Three."},
    ],
    "outcome": "completed",
}


@pytest.fixture(autouse=True)
def _redis(clean_redis):
    """Followers are told of imported events, too."""


def shown(session):
    return [(event.type, event.trust) for event in session.events.in_order()]


def test_openai_chat_messages_become_wire_events(actor):
    report = import_transcripts([json.dumps(OPENAI)], "Support", actor=actor)
    session = Session.objects.get(pk=report.imported[0])
    assert shown(session) == [
        ("session.status_running", 0),
        ("session.thread_status_running", 0),
        ("user.message", 0),
        ("agent.custom_tool_use", 1),
        ("user.custom_tool_result", 1),
        ("agent.message", 0),
        ("session.thread_status_idle", 0),
        ("session.usage", 0),
        ("session.status_idle", 0),
    ]
    use, result = session.events.in_order()[3:5]
    assert use.payload == {"name": "find_order", "input": {"order": "A1"}}
    assert (result.payload["custom_tool_use_id"], result.payload["is_error"]) == (use.event_id, True)
    assert (session.status, session.verdict, session.principal) == ("idle", "failed", "ana")
    assert session.agent_snapshot["system"] == "Help customers."


def test_anthropic_messages_with_built_in_tools_become_wire_events(actor):
    report = import_transcripts([ANTHROPIC], "Counter", actor=actor)
    session = Session.objects.get(pk=report.imported[0])
    kinds = [type for type, _ in shown(session)][2:6]
    assert kinds == ["user.message", "agent.message", "agent.tool_use", "agent.tool_result"]
    assert session.verdict == "completed"
    assert Verdict.objects.get(session=session).source == "import"


def test_exported_events_become_wire_events(actor):
    events = [
        {"type": "user.message", "content": [{"type": "text", "text": "Hi"}]},
        {"type": "agent.message", "content": [{"type": "text", "text": "Hello"}]},
    ]
    report = import_transcripts([{"events": events}], "Greeter", actor=actor)
    assert [kind for kind, _ in shown(Session.objects.get(pk=report.imported[0]))][2:4] == [
        "user.message",
        "agent.message",
    ]


def test_what_a_search_found_is_kept_as_text(actor):
    said = [{"type": "text", "text": "A tool."}]
    hit = {"type": "search_result", "source": "https://a.example", "title": "Zorp", "content": said}
    events = [
        {"id": "a", "type": "agent.tool_use", "name": "web_search", "input": {"query": "zorp"}},
        {"type": "agent.tool_result", "tool_use_id": "a", "content": [hit]},
    ]
    report = import_transcripts([{"events": events}], "Greeter", actor=actor)
    result = Session.objects.get(pk=report.imported[0]).events.get(type="agent.tool_result")
    assert result.payload["content"] == [{"type": "text", "text": "Zorp (https://a.example)\nA tool."}]


def test_the_agent_declares_the_tools_that_were_seen_and_learns_later_ones(actor):
    import_transcripts([OPENAI], "Support", actor=actor)
    import_transcripts([ANTHROPIC], "Support", actor=actor)
    agent = Agent.objects.get(name="Support")
    tools = agent.versions.get(number=agent.version).definition["tools"]
    assert {tool.get("name", tool["type"]) for tool in tools} == {"find_order", "agent_toolset_20260401"}


def test_importing_twice_makes_one_session(actor):
    first = import_transcripts([OPENAI], "Support", actor=actor)
    again = import_transcripts([OPENAI, ANTHROPIC], "Support", actor=actor)
    assert (len(first.imported), len(again.imported), again.existing) == (1, 1, 1)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "not JSON"),
        ("[]", "not a JSON object"),
        ('{"messages": []}', "neither a list of messages"),
        ('{"messages": [{"role": "wizard"}]}', "wizard"),
        ('{"messages": ["text"]}', "malformed"),
        ('{"messages": [{"role": "tool", "tool_call_id": "x", "content": "y"}]}', "no open call"),
        ('{"messages": [{"role": "user", "content": ""}]}', "nothing is said"),
    ],
)
def test_a_bad_line_is_reported_with_its_number_and_skipped(actor, line, words):
    report = import_transcripts([json.dumps(OPENAI), "", line], "Support", actor=actor)
    assert len(report.imported) == 1
    assert [number for number, _ in report.problems] == [3]
    assert words in report.problems[0][1]


def test_the_command_says_what_it_did(workspace, tmp_path):
    file = tmp_path / "two.jsonl"
    file.write_text(json.dumps(OPENAI) + "\nnot json\n")
    out, err = StringIO(), StringIO()
    call_command("import_sessions", str(file), agent="Support", workspace=workspace.name, stdout=out, stderr=err)
    assert out.getvalue() == "1 sessions imported, 0 were there already, 1 lines skipped\n"
    assert err.getvalue().startswith("line 2 skipped: not JSON")


def test_a_transcripts_own_metadata_arrives_as_far_as_a_session_may_have_it(actor):
    own = {"principal": "bo", "long": "x" * 513, "k" * 65: "v", **{f"key {number}": "v" for number in range(20)}}
    line = {**OPENAI, "metadata": own}
    del line["principal"]
    import_transcripts([line], "Support", actor=actor)
    session = Session.objects.get()
    assert session.principal == "bo"
    assert set(session.metadata) == {"task_id", "principal", *(f"key {number}" for number in range(14))}


@pytest.mark.skipif(not AIRLINE.exists(), reason="the airline transcripts are not beside this checkout")
def test_every_message_call_and_result_of_real_transcripts_arrives(actor):
    with AIRLINE.open() as lines:
        report = import_transcripts(lines, "Airline", actor=actor)
    assert (len(report.imported), report.problems) == (100, [])
    records = [json.loads(line) for line in AIRLINE.read_text().splitlines()]
    for record, session_id in zip(records, report.imported, strict=True):
        session = Session.objects.get(pk=session_id)
        results = [message["content"] for message in record["messages"] if message["role"] == "tool"]
        calls = sum(len(message.get("tool_calls") or []) for message in record["messages"])
        told = session.events.filter(type="user.custom_tool_result").order_by("seq")
        assert ["".join(block["text"] for block in row.payload["content"]) for row in told] == results
        assert session.events.filter(type="agent.custom_tool_use").count() == calls
        assert session.verdict == ("completed" if record["reward"] >= 1 else "failed")


USER = {"role": "user", "content": "hi"}


def calling(**call):
    return {"messages": [{"role": "assistant", "content": [{"type": "tool_use", "id": "c", "name": "n", **call}]}]}


@pytest.mark.parametrize(
    "line",
    [
        '{"messages": ' + "[" * 50_000,
        calling(name=["n"], input={}),
        calling(name=None, input={}),
        calling(id={}, input={}),
        calling(input=[["a", 1]]),
        {"messages": [USER], "system": 7},
        {"events": [{"type": "user.message", "content": []}]},
        {"events": [{"type": "agent.tool_result", "tool_use_id": ["a"]}]},
        {"messages": [{"role": "tool", "tool_call_id": [], "content": "x"}]},
    ],
)
def test_a_hostile_line_is_reported_and_the_others_are_imported(actor, line):
    report = import_transcripts([line if isinstance(line, str) else json.dumps(line), OPENAI], "Support", actor=actor)
    assert ([number for number, _ in report.problems], len(report.imported)) == ([1], 1)


@pytest.mark.parametrize("bad", ["\x00", "\ud800"])
def test_characters_that_no_database_holds_are_replaced(actor, bad):
    arguments = json.dumps({"order": bad})
    call = {**CALL, "function": {"name": "find_order", "arguments": arguments}}
    messages = [{"role": "user", "content": f"a{bad}b"}, {"role": "assistant", "tool_calls": [call]}]
    line = {"title": f"t{bad}" * 1_000, "system": bad, "principal": bad, "messages": messages}
    report = import_transcripts([json.dumps(line)], "Support", actor=actor)
    session = Session.objects.get(pk=report.imported[0])
    assert (session.principal, session.title[:2], len(session.title)) == ("\ufffd", "t\ufffd", 512)
    said, called = [row.payload for row in session.events.in_order() if row.type in ("user.message", CUSTOM_USE)]
    assert (said["content"][0]["text"], called["input"]) == ("a\ufffdb", {"order": "\ufffd"})
