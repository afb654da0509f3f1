"""Turns beside what clients see of them: handed over between workers, without the servers that they lack."""

import json
import threading

import pytest

from agents import jobs
from agents.runtime import loop
from agents.services.sessions import send_events

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def run(practice, sandbox_host, clean_redis, actor):
    """Send messages to a session and let a worker drive it; returns the log."""

    def send_and_run(session, *texts):
        for text in texts:
            content = [{"type": "text", "text": text}]
            send_events(session, [{"type": "user.message", "content": content}], actor=actor)
        return drive(session)

    return send_and_run


def drive(session):
    jobs.run_thread(session.threads.get().pk)
    session.refresh_from_db()
    return list(session.events.in_order())


def types(events):
    return [event.type for event in events]


def program(*steps):
    return "practice: " + json.dumps({"steps": list(steps)})


def test_a_worker_that_is_asked_to_end_hands_a_turn_over_between_two_steps(make_session, run, monkeypatch):
    session = make_session()
    monkeypatch.setattr(loop, "stopping", threading.Event())
    loop.stopping.set()
    calls = {"tool": "bash", "input": {"command": "echo out"}}
    run(session, program(calls, {"text": "done"}))
    rounds = 1
    while session.status != "idle":
        drive(session)
        rounds += 1
    events = list(session.events.in_order())
    result = next(event for event in events if event.type == "agent.tool_result")
    assert result.payload["content"] == [{"type": "text", "text": "out"}]
    assert rounds > 2
    assert session.repeated_requests == 0


def test_every_turn_reports_the_servers_it_goes_on_without(make_session, run, agent):
    servers = [{"type": "url", "name": name, "url": f"https://{name}.example.com"} for name in ("tickets", "logs")]
    toolsets = [{"type": "mcp_toolset", "mcp_server_name": server["name"]} for server in servers]
    overrides = {"type": "agent_with_overrides", "id": agent.pk, "mcp_servers": servers, "tools": toolsets}
    session = make_session(agent=overrides)
    for text in ("One.", program({"text": "Two."})):
        events = run(session, text)
    errors = [event.payload["error"] for event in events if event.type == "session.error"]
    assert [error["mcp_server_name"] for error in errors] == ["tickets", "logs"] * 2
    assert {(error["type"], error["retry_status"]["type"]) for error in errors} == {
        ("mcp_connection_failed_error", "retrying")
    }
    assert types(events).count("agent.message") == 2
    assert session.status == "idle"
