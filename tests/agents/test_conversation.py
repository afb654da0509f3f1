"""What a process knows of a conversation: sent as it is, never more than the log says, and not kept without end."""

import json

import pytest
from django.db import transaction

from agents.eventlog.append import NewEvent, append
from agents.eventlog.wire import Logged
from agents.models import Event
from agents.runtime.conversation import Conversation, request_json
from agents.runtime.known_threads import Known, KnownThreads, known_threads
from agents.runtime.loop import run_thread
from agents.runtime.turn import Turn
from agents.services.events import send_events

HELLO = {"type": "user.message", "content": [{"type": "text", "text": "Hello"}]}


def said(text, type="user.message"):
    return Logged(event_id=f"sevt_{text}", type=type, payload={"content": [{"type": "text", "text": text}]})


def test_a_request_is_sent_as_any_json_would_be():
    conversation = Conversation([said('héllo \u2028 "x"'), said("more"), said("yes", "agent.message"), said("so")])
    plain = {"role": "user", "content": [{"type": "text", "text": "a plain message"}]}
    request = {"model": "m", "messages": conversation.messages, "tools": [{"name": "bash"}]}
    assert json.loads(request_json(request)) == json.loads(json.dumps(request))
    mixed = {"messages": [*conversation.messages, plain]}
    assert json.loads(request_json(mixed)) == json.loads(json.dumps(mixed))


def test_a_message_that_grows_after_it_was_sent_is_sent_whole():
    conversation = Conversation([said("one")])
    request_json({"messages": conversation.messages})
    conversation.add(said("two"))
    (message,) = json.loads(request_json({"messages": conversation.messages}))["messages"]
    assert [block["text"] for block in message["content"]] == ["one", "two"]


def test_the_longest_unused_are_forgotten_first():
    threads = KnownThreads(most=100, most_characters=100)
    for name in "abc":
        threads.leave(name, Known(last_seq=1, last_id="x", events=[], conversation=Conversation([said(name * 10)])))
    assert [threads.take(name) is not None for name in "abc"] == [False, True, True]
    threads.leave("d", Known(last_seq=1, last_id="x", events=[], conversation=Conversation([said("d" * 200)])))
    assert threads.take("d") is None


@pytest.fixture
def session(make_session, actor):
    session = make_session()
    for _ in range(3):
        send_events(session, [HELLO], actor=actor)
        run_thread(session.threads.get().pk)
    return session


def messages_of(turn):
    return turn.log.conversation.messages


@pytest.mark.django_db(transaction=True)
def test_what_was_left_in_memory_is_what_the_log_says(session):
    thread = session.threads.get()
    remembered = Turn(thread)
    assert len(remembered.log.events) < Event.objects.filter(thread=thread).count()
    read = Turn(thread)  # the one before took what was known
    assert len(read.log.events) == Event.objects.filter(thread=thread).count()
    assert messages_of(remembered) == messages_of(read)
    assert remembered.position == read.position


@pytest.mark.django_db(transaction=True)
def test_events_of_another_process_are_taken_in(session):
    thread = session.threads.get()
    with transaction.atomic():
        append(session.pk, thread, [NewEvent(type="user.message", payload={"content": HELLO["content"]})])
    assert [message["role"] for message in messages_of(Turn(thread))][-2:] == ["assistant", "user"]


@pytest.mark.django_db(transaction=True)
def test_what_the_log_does_not_say_is_not_believed(session):
    thread = session.threads.get()
    left = known_threads.take(thread.pk)
    left.conversation.add(said("never committed"))
    wrong = Known(last_seq=left.last_seq, last_id="sevt_other", events=left.events, conversation=left.conversation)
    known_threads.leave(thread.pk, wrong)
    assert "never committed" not in json.dumps(messages_of(Turn(thread)))
