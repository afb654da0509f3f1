"""Compaction through the official client: one event between two model requests, and the session goes on."""

import pytest

from agents import jobs
from agents.models import Thread

pytestmark = pytest.mark.django_db(transaction=True)

COMPACTED = "agent.thread_context_compacted"
RUNNING = ["session.status_running", "session.thread_status_running", "user.message"]
ANSWER = ["span.model_request_start", "agent.message", "span.model_request_end"]
IDLE = ["session.thread_status_idle", "session.usage", "session.status_idle"]


@pytest.fixture
def talk(wire, environment, practice, clean_redis):
    """A session whose model reads eight thousand tokens, after so many long messages."""

    def make(count):
        agent = wire.beta.agents.create(name="Small", model="practice-8k")
        session = wire.beta.sessions.create(agent=agent.id, environment_id=environment.id)
        for number in range(count):
            words = f"Part {number}. " + "It was a dark and stormy night. " * 300
            content = [{"type": "text", "text": words}]
            wire.beta.sessions.events.send(session.id, events=[{"type": "user.message", "content": content}])
            jobs.run_thread(Thread.objects.get(session=session.id).pk)
        return session

    return make


def test_the_third_long_message_needs_room(wire, talk):
    session = talk(3)
    events = list(wire.beta.sessions.events.list(session.id))
    turn = [*RUNNING, *ANSWER, *IDLE]
    assert [event.type for event in events] == [*turn * 2, *RUNNING, COMPACTED, *ANSWER, *IDLE]
    (compacted,) = wire.beta.sessions.events.list(session.id, types=[COMPACTED])
    assert compacted.to_dict().keys() == {"id", "type", "processed_at"}
    assert "Part 2." in events[-5].content[0].text
    first = next(event for event in events if event.type == "user.message")
    assert first.content[0].text.endswith("stormy night. ")


def test_the_summary_is_paid_for(wire, talk):
    session = talk(3)
    events = list(wire.beta.sessions.events.list(session.id))
    in_spans = sum(event.model_usage.input_tokens for event in events if event.type == "span.model_request_end")
    used = wire.beta.sessions.retrieve(session.id).usage
    (thread,) = wire.beta.sessions.threads.list(session.id)
    assert events[-2].usage.to_dict() == used.to_dict()
    assert used.input_tokens == thread.usage.input_tokens > in_spans
