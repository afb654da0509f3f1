"""The sweeper makes up for lost wake-ups, and adds none while the ones it made still wait for a slot."""

from datetime import timedelta

import django_rq
import pytest
from django.utils import timezone

from agents import jobs
from agents.models import Thread
from agents.services.events import send_events

pytestmark = pytest.mark.django_db(transaction=True)

HELLO = {"type": "user.message", "content": [{"type": "text", "text": "Hello"}]}


def sweep_later() -> None:
    Thread.objects.update(enqueued_at=timezone.now() - timedelta(minutes=1))
    jobs.sweep_threads()


@pytest.fixture
def waiting_sessions(clean_redis, make_session, actor):
    sessions = [make_session() for _ in range(5)]
    for session in sessions:
        send_events(session, [HELLO], actor=actor)
    return sessions


def test_wake_ups_do_not_pile_up_while_every_slot_is_busy(waiting_sessions):
    for _ in range(10):
        sweep_later()
    assert django_rq.get_queue("turns").count <= 2 * len(waiting_sessions)


def test_lost_wake_ups_are_made_again(waiting_sessions):
    django_rq.get_queue("turns").empty()
    sweep_later()
    assert django_rq.get_queue("turns").count == len(waiting_sessions)
