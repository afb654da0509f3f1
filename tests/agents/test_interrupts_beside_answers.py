"""An interrupt that meets something else: a call that is left to the client, the client's own answer, or a request
that fails."""

import threading

import pytest
from django.db import connections

from agents.plugs import model_client
from agents.runtime.model import ModelError
from agents.services.events import send_events
from agents.services.sessions import archive_session
from tests.agents.test_answers import CUSTOM, FIND, TOOLSET, bash, message, result, run, session_with, types
from tests.stack import wait_for

__all__ = ["run", "session_with"]  # fixtures

pytestmark = pytest.mark.django_db(transaction=True)


def test_an_interrupt_that_comes_with_the_answer_is_not_left_behind(session_with, run, actor, monkeypatch):
    session = session_with(CUSTOM)
    client = type(model_client())
    answer = client.answer

    def answer_while_interrupted(self, request, **options):
        reply = answer(self, request, **options)
        send_events(session, [{"type": "user.interrupt"}], actor=actor)
        return reply

    monkeypatch.setattr(client, "answer", answer_while_interrupted)
    _, events = run(session, message(FIND, {"text": "found"}))
    assert "user.interrupt" in types(events)
    assert session.stop_reason == {"type": "end_turn"}
    archive_session(session, actor=actor)


REST = ["user.interrupt", "session.thread_status_idle", "session.usage", "session.status_idle"]


@pytest.mark.parametrize("is_followed", [False, True])
def test_an_interrupt_that_comes_with_the_last_answer_is_logged_before_the_rest(
    session_with, run, actor, monkeypatch, is_followed
):
    session = session_with()
    client = type(model_client())
    answer = client.answer
    more = [message({"text": "second"})] if is_followed else []

    def answer_while_interrupted(self, request, **options):
        monkeypatch.setattr(client, "answer", answer)
        reply = answer(self, request, **options)
        send_events(session, [{"type": "user.interrupt"}, *more], actor=actor)
        return reply

    monkeypatch.setattr(client, "answer", answer_while_interrupted)
    _, events = run(session, message({"text": "first"}))
    end = types(events).index("session.status_idle") + 1
    assert types(events)[end - 6 : end] == ["agent.message", "span.model_request_end", *REST]
    assert events[end - 1].payload["stop_reason"] == {"type": "end_turn"}
    assert types(events)[end:].count("agent.message") == len(more)
    assert types(events).count("user.interrupt") == 1
    assert not session.inbox.exists()


def test_an_interrupt_that_comes_with_the_last_failure_is_not_lost(session_with, run, actor, monkeypatch):
    session = session_with()

    def fail_while_interrupted(self, request, **options):
        send_events(session, [message({"text": "dropped"}), {"type": "user.interrupt"}], actor=actor)
        raise ModelError("billing_error", "Paid nothing.", is_transient=False)

    monkeypatch.setattr(type(model_client()), "answer", fail_while_interrupted)
    _, events = run(session, message({"text": "never said"}))
    assert types(events)[-5:] == ["session.error", *REST]
    assert session.stop_reason == {"type": "retries_exhausted"}
    assert not session.inbox.exists()


def test_a_call_that_the_client_answered_before_it_interrupted_has_one_result(session_with, run, actor):
    session = session_with(CUSTOM, {"type": TOOLSET})

    def answer_and_interrupt():
        call = wait_for(lambda: session.events.filter(type="agent.custom_tool_use").first(), 60)
        wait_for(lambda: session.events.filter(type="span.model_request_end").first(), 60)
        send_events(session, [result(call, "in Berlin"), {"type": "user.interrupt"}], actor=actor)
        connections.close_all()

    client = threading.Thread(target=answer_and_interrupt)
    client.start()
    _, events = run(session, message({"tools": [FIND, bash("sleep 20")]}, {"text": "found"}))
    client.join()
    assert types(events).count("user.custom_tool_result") == 1
    assert types(events).count("agent.tool_result") == 1
    assert session.stop_reason == {"type": "end_turn"}


def test_an_interrupt_that_comes_as_the_request_fails_does_not_wait_for_the_next_try(
    session_with, run, actor, monkeypatch
):
    session = session_with()

    def fail_while_interrupted(self, request, **options):
        send_events(session, [{"type": "user.interrupt"}], actor=actor)
        raise ModelError("model_overloaded_error", "Busy.", is_transient=True, retry_after=300.0)

    monkeypatch.setattr(type(model_client()), "answer", fail_while_interrupted)
    _, events = run(session, message({"text": "never said"}))
    assert types(events)[-5:] == [
        "span.model_request_end",
        "user.interrupt",
        "session.thread_status_idle",
        "session.usage",
        "session.status_idle",
    ]
    assert session.stop_reason == {"type": "end_turn"}
    assert session.threads.get().wake_at is None
