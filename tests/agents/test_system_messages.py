"""A system message accompanies the user's message before it: one turn, one step of the log."""

import pytest

from agents import jobs
from agents.client_events import check_deployment_events, check_events, check_initial_events
from agents.eventlog.wire import Logged
from agents.exceptions import InvalidRequest
from agents.runtime.conversation import Conversation
from agents.services.events import send_events

SYSTEM = {"type": "system.message", "content": [{"type": "text", "text": "Be brief"}]}


def message(text):
    return {"type": "user.message", "content": [{"type": "text", "text": text}]}


@pytest.mark.django_db(transaction=True)
def test_both_are_taken_in_together_before_the_model_is_asked(make_session, actor, clean_redis):
    session = make_session()
    send_events(session, [message("one"), SYSTEM], actor=actor)
    send_events(session, [message("two")], actor=actor)
    jobs.run_thread(session.threads.get().pk)
    session.refresh_from_db()
    types = [event.type for event in session.events.in_order()]
    assert types[2:5] == ["user.message", "system.message", "span.model_request_start"]
    assert types.count("user.message") == types.count("agent.message") == 2
    assert (session.status, session.inbox.exists()) == ("idle", False)


def test_the_model_reads_it_as_a_turn_of_its_own():
    events = [Logged(event_id="a", type="user.message", payload={"content": [{"type": "text", "text": "one"}]})]
    events.append(Logged(event_id="b", type="system.message", payload={"content": SYSTEM["content"]}))
    events.append(Logged(event_id="c", type="span.model_request_start", payload={}))
    assert Conversation(events).messages == [
        {"role": "user", "content": [{"type": "text", "text": "one"}]},
        {"role": "system", "content": [{"type": "text", "text": "Be brief"}]},
    ]


@pytest.mark.parametrize(
    "events",
    [
        [SYSTEM, SYSTEM],
        [SYSTEM, message("x")],
        [message("x"), SYSTEM, SYSTEM],
        [message("x"), SYSTEM, message("y")],
        [{"type": "user.interrupt"}, SYSTEM],
        [{"type": "user.tool_confirmation", "tool_use_id": "sevt_x", "result": "allow"}, SYSTEM],
    ],
)
def test_it_comes_last_and_after_what_it_accompanies(events):
    with pytest.raises(InvalidRequest, match="directly follow"):
        check_events(events)


@pytest.mark.parametrize("count", [0, 1_001])
def test_it_has_so_many_blocks(count):
    system = {"type": "system.message", "content": SYSTEM["content"] * count}
    with pytest.raises(InvalidRequest, match="1 to 1,000 blocks"):
        check_deployment_events([message("x"), system])


def test_a_deployment_does_not_begin_with_one_alone():
    with pytest.raises(InvalidRequest, match=r"directly follow a user\.message"):
        check_deployment_events([SYSTEM])


def test_it_does_not_part_the_results_of_one_answers_calls():
    said = [
        ("a", "user.message", {"content": [{"type": "text", "text": "go"}]}),
        ("span", "span.model_request_start", {}),
        ("b", "agent.custom_tool_use", {"name": "find", "input": {}}),
        ("c", "agent.custom_tool_use", {"name": "find", "input": {}}),
        ("d", "user.custom_tool_result", {"custom_tool_use_id": "b"}),
        ("e", "system.message", {"content": SYSTEM["content"]}),
        ("f", "user.custom_tool_result", {"custom_tool_use_id": "c"}),
        ("span2", "span.model_request_start", {}),
    ]
    told = Conversation(Logged(event_id=key, type=kind, payload=payload) for key, kind, payload in said).messages
    assert [message["role"] for message in told] == ["user", "assistant", "user", "system"]
    assert [block["tool_use_id"] for block in told[2]["content"]] == ["b", "c"]


def test_a_session_does_not_begin_with_one():
    with pytest.raises(InvalidRequest):
        check_initial_events([message("x"), SYSTEM])
