"""System messages through the official client: where one may stand, and which events follow."""

import json

import anthropic
import pytest

from agents import jobs
from agents.models import Event, InboxEvent, Thread

pytestmark = pytest.mark.django_db(transaction=True)

SYSTEM = {"type": "system.message", "content": [{"type": "text", "text": "Be brief"}]}
IDLE = ["session.thread_status_idle", "session.usage", "session.status_idle"]
RUNNING = ["session.status_running", "session.thread_status_running"]
ANSWER = ["span.model_request_start", "agent.message", "span.model_request_end", *IDLE]
FIND = {"tool": "find_order", "input": {"order": "A1"}}


@pytest.fixture
def session(wire, practice, clean_redis, environment):
    schema = {"type": "object", "properties": {"order": {"type": "string"}}}
    tool = {"type": "custom", "name": "find_order", "description": "Finds an order.", "input_schema": schema}
    agent = wire.beta.agents.create(name="Asker", model="practice-1", tools=[tool])
    return wire.beta.sessions.create(agent=agent.id, environment_id=environment.id)


@pytest.fixture
def send(wire, session):
    """Send events, let a worker drive the session, and return what was answered and what was logged since."""

    def send_and_drive(*events):
        seen = len(log_of(session))
        sent = wire.beta.sessions.events.send(session.id, events=list(events)).data
        jobs.run_thread(Thread.objects.get(session=session.id).pk)
        return sent, log_of(session)[seen:]

    return send_and_drive


def log_of(session):
    return list(Event.objects.filter(session=session.id).in_order().values_list("type", flat=True))


def message(*steps):
    text = f"practice: {json.dumps({'steps': steps})}"
    return {"type": "user.message", "content": [{"type": "text", "text": text}]}


def result(use):
    return {"type": "user.custom_tool_result", "custom_tool_use_id": use, "content": [{"type": "text", "text": "here"}]}


def waiting(wire, session):
    return wire.beta.sessions.events.list(session.id).data[-1].stop_reason.event_ids


def test_alone_it_is_for_the_next_turn_and_starts_none(wire, session, send):
    send(message({"text": "one"}))
    (sent,), logged = send(SYSTEM)
    assert logged == ["system.message"]
    assert (sent.type, sent.processed_at is None) == ("system.message", False)
    assert wire.beta.sessions.retrieve(session.id).status == "idle"
    assert not InboxEvent.objects.exists()
    _, logged = send(message({"text": "two"}))
    assert logged == [*RUNNING, "user.message", *ANSWER]


def test_a_new_session_takes_one_alone(session, send):
    assert send(SYSTEM)[1] == ["system.message"]


def test_after_a_message_both_open_the_turn(session, send):
    sent, logged = send(message({"text": "one"}), SYSTEM)
    assert [event.processed_at for event in sent] == [None, None]
    assert logged == [*RUNNING, "user.message", "system.message", *ANSWER]


def test_after_a_tools_result_both_are_in_the_log_at_once(wire, session, send):
    send(message(FIND, {"text": "found"}))
    (use,) = waiting(wire, session)
    sent, logged = send(result(use), SYSTEM)
    assert [event.processed_at is None for event in sent] == [False, False]
    assert logged == ["user.custom_tool_result", "system.message", *RUNNING, *ANSWER]


def test_it_may_come_with_the_first_of_two_results(wire, session, send):
    send(message({"tools": [FIND, FIND]}, {"text": "found"}))
    first, second = waiting(wire, session)
    assert send(result(first), SYSTEM)[1] == ["user.custom_tool_result", "system.message", *IDLE]
    assert send(result(second))[1] == ["user.custom_tool_result", *RUNNING, *ANSWER]


def test_while_calls_wait_it_comes_with_a_result_only(wire, session, send):
    send(message(FIND, {"text": "found"}))
    before = log_of(session)
    for events in ([SYSTEM], [message({"text": "more"}), SYSTEM]):
        with pytest.raises(anthropic.BadRequestError, match="while calls wait"):
            wire.beta.sessions.events.send(session.id, events=events)
    assert log_of(session) == before
    assert not InboxEvent.objects.exists()


def test_alone_it_is_refused_while_the_session_runs(wire, session):
    running = wire.beta.sessions.create(
        agent=session.agent.id, environment_id=session.environment_id, initial_events=[message({"text": "one"})]
    )
    with pytest.raises(anthropic.BadRequestError, match="while the session is idle"):
        wire.beta.sessions.events.send(running.id, events=[SYSTEM])


@pytest.mark.parametrize("events", [[SYSTEM, SYSTEM], [SYSTEM, message({"text": "x"})]])
def test_there_is_one_and_it_is_the_last(wire, session, events):
    with pytest.raises(anthropic.BadRequestError, match="must come last"):
        wire.beta.sessions.events.send(session.id, events=events)


def test_a_model_that_takes_none_refuses_it_and_all_that_came_with_it(
    wire, practice, clean_redis, environment, settings
):
    settings.LUCID_MODELS_WITHOUT_SYSTEM_MESSAGES = ["deaf-1"]
    for model in ("claude-opus-4-5", "deaf-1"):
        agent = wire.beta.agents.create(name=model, model=model)
        session = wire.beta.sessions.create(agent=agent.id, environment_id=environment.id)
        for batch in ([SYSTEM], [message({"text": "one"}), SYSTEM]):
            with pytest.raises(anthropic.BadRequestError) as refused:
                wire.beta.sessions.events.send(session.id, events=batch)
            error = refused.value.body["error"]
            assert error["details"]["error_code"] == "model_does_not_support_mid_conversation_system"
            assert f"events.{len(batch) - 1}: the model '{model}'" in error["message"]
        assert wire.beta.sessions.events.list(session.id).data == []


def test_a_deployment_of_such_a_model_is_refused_too(wire, environment):
    agent = wire.beta.agents.create(name="Old", model="claude-opus-4-5")
    with pytest.raises(anthropic.BadRequestError) as refused:
        wire.beta.deployments.create(
            name="Nightly",
            agent=agent.id,
            environment_id=environment.id,
            initial_events=[message({"text": "one"}), SYSTEM],
        )
    code = refused.value.body["error"]["details"]["error_code"]
    assert code == "model_does_not_support_mid_conversation_system"
