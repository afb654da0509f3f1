"""U+0000, lone surrogates and numbers that are none: said by models, tools and transcripts, refused by databases."""

import json

import pytest

from agents import jobs
from agents.runtime.model import ModelError, read_reply
from agents.services.events import send_events

USAGE = {"input_tokens": 1, "output_tokens": 1}


@pytest.fixture
def run(practice, sandbox_host, clean_redis, actor):
    """Send a message to a session and let a worker drive it; returns the log."""

    def send_and_run(session, text):
        send_events(session, [{"type": "user.message", "content": [{"type": "text", "text": text}]}], actor=actor)
        jobs.run_thread(session.threads.get().pk)
        session.refresh_from_db()
        return list(session.events.in_order())

    return send_and_run


@pytest.mark.django_db(transaction=True)
def test_what_a_command_prints_never_breaks_the_turn(make_session, run):
    steps = [{"tool": "bash", "input": {"command": r"printf 'a\0b'"}}, {"text": "done"}]
    session = make_session()
    events = run(session, "practice: " + json.dumps({"steps": steps}))
    (result,) = [event for event in events if event.type == "agent.tool_result"]
    assert result.payload["content"] == [{"type": "text", "text": "a\ufffdb"}]
    assert session.stop_reason == {"type": "end_turn"}


@pytest.mark.parametrize("bad", ["\x00", "\ud800"])
def test_a_model_that_says_what_cannot_be_stored_is_still_heard(bad):
    use = {"type": "tool_use", "id": "t", "name": "bash", "input": {"command": bad, "n": [float("nan"), float("inf")]}}
    content = [{"type": "text", "text": f"a{bad}b"}, use]
    reply = read_reply({"content": content, "stop_reason": "tool_use", "usage": USAGE})
    assert reply.text == "a\ufffdb"
    assert reply.tool_uses[0]["input"] == {"command": "\ufffd", "n": [None, None]}


def nested(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    "change",
    [{"stop_details": ["x"]}, {"content": [{"type": "tool_use", "name": "bash", "input": {"x": nested(50_000)}}]}],
)
def test_a_reply_of_the_wrong_shape_is_the_endpoints_fault(change):
    with pytest.raises(ModelError):
        read_reply({"content": [], "stop_reason": "end_turn", "usage": USAGE, **change})
