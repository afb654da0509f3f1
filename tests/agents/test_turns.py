"""Turns beside what clients see of them: handed over between workers, without the servers that they lack."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from django.conf import settings

from agents import jobs, plugs
from agents.runtime import loop
from agents.services.events import send_events

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


class Busy(BaseHTTPRequestHandler):
    """An endpoint that wants to be left alone for a while."""

    patience = "120"

    def log_message(self, *args):
        pass

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        body = json.dumps({"type": "error", "error": {"type": "rate_limit_error", "message": "later"}}).encode()
        self.send_response(429)
        for name, value in (("retry-after", self.patience), ("content-length", str(len(body)))):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


@pytest.mark.parametrize(
    ("patience", "least", "most"),
    [("120", 100, 121), ("999999999", 200, 301), ("0", 0, 2), ("soon", 0, 2), ("-5", 0, 2), ("1e9", 0, 2)],
)
def test_an_endpoint_that_names_a_time_is_left_alone_until_then(make_session, run, monkeypatch, patience, least, most):
    monkeypatch.setattr(Busy, "patience", patience)
    with ThreadingHTTPServer(("127.0.0.1", 0), Busy) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setattr(settings, "ANTHROPIC_BASE_URL", f"http://127.0.0.1:{server.server_port}")
        plugs.model_client.cache_clear()
        session = make_session()
        run(session, "Hello")
        server.shutdown()
    plugs.model_client.cache_clear()
    thread = session.threads.get()
    waits = (thread.wake_at - session.events.in_order().last().processed_at).total_seconds()
    assert least - 60 <= waits <= most  # a slow machine takes its time between the two
