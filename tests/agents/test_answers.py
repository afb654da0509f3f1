"""Sessions that wait for a client, for the tests around it; what follows each answer stands in the scenarios."""

import json

import pytest

from agents import jobs
from agents.services.agents import create_agent
from agents.services.events import send_events

pytestmark = pytest.mark.django_db(transaction=True)

TOOLSET = "agent_toolset_20260401"
CUSTOM = {
    "type": "custom",
    "name": "find_order",
    "description": "Finds an order.",
    "input_schema": {"type": "object", "properties": {"order": {"type": "string"}}},
}


@pytest.fixture
def session_with(practice, sandbox_host, clean_redis, actor, make_session):
    def make(*tools):
        agent = create_agent({"name": "Asker", "model": "practice-1", "tools": list(tools)}, actor=actor)
        return make_session(agent=agent.pk)

    return make


@pytest.fixture
def run(actor):
    """Send events, let a worker drive the session, and return what was logged since."""

    def send_and_run(session, *events):
        seen = session.events.count()
        sent = send_events(session, list(events), actor=actor) if events else []
        jobs.run_thread(session.threads.get().pk)
        session.refresh_from_db()
        return sent, list(session.events.in_order())[seen:]

    return send_and_run


def asks(name):
    return {"type": TOOLSET, "configs": [{"name": name, "permission_policy": {"type": "always_ask"}}]}


def message(*steps):
    text = f"practice: {json.dumps({'steps': steps})}"
    return {"type": "user.message", "content": [{"type": "text", "text": text}]}


def result(call, words):
    content = [{"type": "text", "text": words}]
    return {"type": "user.custom_tool_result", "custom_tool_use_id": call.event_id, "content": content}


def confirmation(call, verdict, **more):
    return {"type": "user.tool_confirmation", "tool_use_id": call.event_id, "result": verdict, **more}


def types(events):
    return [event.type for event in events]


def only(events, type):
    (found,) = [event for event in events if event.type == type]
    return found


def bash(command):
    return {"tool": "bash", "input": {"command": command}}


FIND = {"tool": "find_order", "input": {"order": "A1"}}


def test_a_clients_reason_for_a_denial_is_no_word_of_the_tool(session_with, run):
    session = session_with(asks("bash"))
    _, events = run(session, message(bash("echo no"), {"text": "done"}))
    _, events = run(session, confirmation(only(events, "agent.tool_use"), "deny", deny_message="Error: use --force"))
    assert only(events, "agent.tool_result").trust == 0
