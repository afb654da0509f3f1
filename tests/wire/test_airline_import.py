"""Real transcripts, imported and read back through the official client, held against the raw file."""

import json
import shutil
from collections import Counter
from pathlib import Path

import pytest
from django.core.management import call_command

from agents.models import Session

DATA = Path(__file__).parents[3] / "shared" / "data" / "airline-sessions.jsonl"
pytestmark = pytest.mark.skipif(not DATA.exists(), reason="the airline transcripts are not beside this project")

EVENT_OF_ROLE = {"user": "user.message", "tool": "user.custom_tool_result"}


@pytest.fixture
def imported(workspace):
    call_command("import_sessions", str(DATA), "--agent", "Airline", stdout=None)
    return [json.loads(line) for line in DATA.read_text().splitlines()]


def test_every_message_call_and_result_is_a_wire_event_and_the_reward_a_verdict(imported, wire, workspace, call):
    sessions = {(s.metadata["task_id"], s.metadata["trial"]): s for s in wire.beta.sessions.list(limit=100)}
    assert len(sessions) == len(imported) == 100
    verdicts = dict(Session.objects.values_list("pk", "verdict"))
    for record in imported:
        session = sessions[str(record["task_id"]), str(record["trial"])]
        events = list(wire.beta.sessions.events.list(session.id))
        assert Counter(event.type for event in events if not event.type.startswith("session.")) == expected(record)
        assert texts(events) == [m["content"] for m in record["messages"] if m["content"] and m["role"] != "system"]
        assert verdicts[session.id] == ("completed" if record["reward"] == 1.0 else "failed")
        assert (session.status, events[-1].stop_reason.type) == ("idle", "end_turn")


def expected(record) -> Counter[str]:
    counts: Counter[str] = Counter()
    for message in record["messages"]:
        counts["agent.custom_tool_use"] += len(message.get("tool_calls") or [])
        if message["role"] == "assistant" and message["content"]:
            counts["agent.message"] += 1
        elif message["role"] in EVENT_OF_ROLE:
            counts[EVENT_OF_ROLE[message["role"]]] += 1
    return counts


def texts(events) -> list[str]:
    return [block.text for event in events for block in getattr(event, "content", None) or []]


def test_importing_twice_makes_no_second_session(imported, wire, tmp_path, capsys):
    copy = tmp_path / "again.jsonl"
    shutil.copy(DATA, copy)
    call_command("import_sessions", str(copy), "--agent", "Airline")
    assert "0 sessions imported, 100 were there already" in capsys.readouterr().out
