"""The policy `auto` as clients see it: what the judgement looks like, and which events follow each one."""

import json

import anthropic
import pytest

from agents import jobs
from agents.models import Thread

pytestmark = pytest.mark.django_db(transaction=True)

OPENING = ["session.status_running", "session.thread_status_running", "user.message", "span.model_request_start"]
IDLE = ["session.thread_status_idle", "session.usage", "session.status_idle"]
ANSWER = ["span.model_request_start", "agent.message", "span.model_request_end", *IDLE]


@pytest.fixture
def run(wire, practice, sandbox_host, clean_redis, environment):
    """A session whose tools are judged one by one, told to make these calls at once, at rest again."""

    def start(*commands):
        policy = {"permission_policy": {"type": "auto"}}
        tools = [{"type": "agent_toolset_20260401", "default_config": policy}]
        agent = wire.beta.agents.create(name="Judged", model="practice-1", tools=tools)
        session = wire.beta.sessions.create(agent=agent.id, environment_id=environment.id)
        calls = {"tools": [{"tool": "bash", "input": {"command": command}} for command in commands]}
        text = f"practice: {json.dumps({'steps': [calls, {'text': 'done'}]})}"
        message = {"type": "user.message", "content": [{"type": "text", "text": text}]}
        wire.beta.sessions.events.send(session.id, events=[message])
        drive(session)
        return session

    return start


def drive(session):
    jobs.run_thread(Thread.objects.get(session=session.id).pk)


def logged(wire, session):
    return list(wire.beta.sessions.events.list(session.id))


def types(events):
    return [event.type for event in events]


def test_what_only_looks_runs_at_once(wire, run):
    events = logged(wire, run("echo hello; ls"))
    assert types(events) == [*OPENING, "agent.tool_use", "span.model_request_end", "agent.tool_result", *ANSWER]
    use, result = events[4], events[6]
    assert use.evaluated_permission == "allow"
    assert use.evaluation.to_dict() == {"type": "auto", "evaluated_permission": {"type": "allow"}}
    assert (result.content[0].text, result.is_error) == ("hello", False)


def test_what_is_not_clear_waits_for_a_client(wire, run):
    session = run("touch new && ls")
    events = logged(wire, session)
    assert types(events) == [*OPENING, "agent.tool_use", "span.model_request_end", *IDLE]
    use = events[4]
    assert use.evaluated_permission == "ask"
    assert use.evaluation.to_dict()["evaluated_permission"] == {"type": "ask", "reason_code": "indeterminate"}
    assert events[-1].stop_reason.event_ids == [use.id]
    confirmation = {"type": "user.tool_confirmation", "tool_use_id": use.id, "result": "allow"}
    wire.beta.sessions.events.send(session.id, events=[confirmation])
    drive(session)
    after = logged(wire, session)[len(events) :]
    assert types(after) == ["user.tool_confirmation", *OPENING[:2], "agent.tool_result", *ANSWER]
    assert after[3].content[0].text == "new"


def test_clear_harm_is_denied_without_a_pause(wire, run):
    events = logged(wire, run("rm -rf /"))
    assert types(events) == [*OPENING, "agent.tool_use", "span.model_request_end", "agent.tool_result", *ANSWER]
    use, result = events[4], events[6]
    assert use.evaluated_permission == "deny"
    assert use.evaluation.to_dict()["evaluated_permission"] == {"type": "deny", "reason_code": "high_risk"}
    assert (result.tool_use_id, result.is_error) == (use.id, True)
    assert result.content[0].text == "Permission to use bash has been denied."
    assert events[-1].stop_reason.type == "end_turn"


def test_each_of_several_calls_is_judged_for_itself(wire, run):
    events = logged(wire, run("echo one", "rm -rf /", "make"))
    uses = [event for event in events if event.type == "agent.tool_use"]
    assert [use.evaluated_permission for use in uses] == ["allow", "deny", "ask"]
    results = {event.tool_use_id: event.is_error for event in events if event.type == "agent.tool_result"}
    assert results == {uses[0].id: False, uses[1].id: True}
    assert events[-1].stop_reason.event_ids == [uses[2].id]


def test_nobody_confirms_what_was_denied(wire, run):
    session = run("rm -rf /")
    use = next(event for event in logged(wire, session) if event.type == "agent.tool_use")
    confirmation = {"type": "user.tool_confirmation", "tool_use_id": use.id, "result": "allow"}
    with pytest.raises(anthropic.BadRequestError, match="asks for permission"):
        wire.beta.sessions.events.send(session.id, events=[confirmation])
