"""Answers of a model that is out of bounds: ten thousand calls, megabytes of text, input that is none."""

import pytest
from django.conf import settings

from agents import jobs, plugs
from agents.services.events import send_events
from tests.agents.scripted_model import answer, scripted_model, text, use

pytestmark = pytest.mark.django_db(transaction=True)

CALLS = 10_000
TEXT = "All work and no play — " * 220_000  # five megabytes


@pytest.fixture
def model(monkeypatch):
    with scripted_model() as model:
        monkeypatch.setattr(settings, "ANTHROPIC_BASE_URL", model.url)
        monkeypatch.setattr(settings, "LUCID_MODEL_WINDOWS", {"practice-1": 10_000_000})  # it is sent all of it
        plugs.model_client.cache_clear()
        yield model
    plugs.model_client.cache_clear()


@pytest.fixture
def drive(make_session, model, sandbox_host, clean_redis, actor):
    """Let a worker answer one message; returns the session's log."""

    def run(*answers):
        remaining = iter(answers)
        model.script = lambda request: next(remaining)
        session = make_session()
        send_events(session, [{"type": "user.message", "content": [{"type": "text", "text": "Go"}]}], actor=actor)
        jobs.run_thread(session.threads.get().pk)
        session.refresh_from_db()
        return session, list(session.events.in_order())

    return run


def calls(name, *input):
    return (use(name, *input, id=f"toolu_{number}") for number in range(CALLS))


def of_type(events, kind):
    return [event for event in events if event.type == kind]


def test_megabytes_of_text_are_one_message(drive):
    session, events = drive(answer(text(TEXT)))
    (message,) = of_type(events, "agent.message")
    assert message.payload["content"] == [{"type": "text", "text": TEXT}]
    assert session.status == "idle"


def test_ten_thousand_calls_of_no_tool_are_all_refused(drive, model):
    session, events = drive(answer(*calls("launch"), stop_reason="tool_use"), answer(text("Well.")))
    assert len(of_type(events, "agent.tool_use")) == len(of_type(events, "agent.tool_result")) == CALLS
    assert len(model.requests[-1]["messages"][-1]["content"]) == CALLS
    assert session.stop_reason == {"type": "end_turn"}


def test_ten_thousand_calls_with_bad_input_are_ten_thousand_errors(drive):
    session, events = drive(answer(*calls("read", '{"file": 7}'), stop_reason="tool_use"), answer(text("Well.")))
    results = of_type(events, "agent.tool_result")
    assert len(results) == CALLS
    assert all(result.payload["is_error"] for result in results)
    assert session.stop_reason == {"type": "end_turn"}
