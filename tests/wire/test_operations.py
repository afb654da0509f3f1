"""What a workspace has under way and in line, as a program asks for it."""

from datetime import timedelta

import pytest
from django.utils import timezone

from agents.models import InboxEvent, Session, Thread
from agents.services.events import send_events
from tests.wire.conftest import Caller

MESSAGE = {"type": "user.message", "content": [{"type": "text", "text": "Hello"}]}


@pytest.fixture
def waiting(session, actor, clean_redis):
    send_events(Session.objects.get(pk=session.id), [MESSAGE], actor=actor)
    InboxEvent.objects.update(created_at=timezone.now() - timedelta(minutes=5))
    return Thread.objects.filter(session=session.id)


def turns(call):
    return call("GET", "operations").json()["turns"]


def test_what_waits_is_told_with_how_long(call, waiting):
    told = turns(call)
    assert (told["running"], told["waiting"], told["retrying"], told["lost"]) == (0, 1, 0, 0)
    assert told["oldest_wait_seconds"] >= 300


def test_what_runs_what_was_lost_and_what_tries_again_are_told_apart(call, waiting):
    later, before = timezone.now() + timedelta(hours=1), timezone.now() - timedelta(hours=1)
    waiting.update(lease_until=later)
    assert (turns(call)["running"], turns(call)["waiting"]) == (1, 0)
    waiting.update(lease_until=before, losses=2)
    assert [turns(call)[name] for name in ("running", "waiting", "lost", "losses")] == [0, 1, 1, 2]
    waiting.update(lease_until=None, wake_at=later)
    assert [turns(call)[name] for name in ("running", "waiting", "retrying")] == [0, 0, 1]


def test_repeated_requests_and_limits_are_told(call, waiting, session):
    Session.objects.filter(pk=session.id).update(repeated_requests=3)
    assert turns(call)["repeated_model_requests"] == 3
    told = call("GET", "operations").json()["limits"]
    assert (told["slots"], told["slots_per_worker"]) == (0, 24)


def test_other_workspaces_are_nobodys_business(waiting, stranger_key):
    told = turns(Caller(stranger_key))
    assert (told["waiting"], told["oldest_wait_seconds"]) == (0, None)
