"""A lease whose process is gone is over at once; whoever cannot know waits until it runs out."""

import subprocess
from datetime import timedelta

import pytest
from django.utils import timezone

from agents import jobs, leases, owners
from agents.models import Thread
from agents.services.events import send_events

HELLO = {"type": "user.message", "content": [{"type": "text", "text": "Hello"}]}


@pytest.fixture
def dead() -> str:
    with subprocess.Popen(["true"]) as process:
        process.wait()
    return f"{process.pid}-{owners.machine()}-0a1b2c3d"


def test_only_a_process_of_this_machine_that_is_gone_is_dead(dead):
    pid = owners.pid_of(dead)
    assert owners.is_dead(dead)
    assert not owners.is_dead(owners.own())
    assert not owners.is_dead(f"{pid}-an-other-place")
    assert not owners.is_dead(f"{pid}-0a1b2c3d")
    assert not owners.is_dead(f"{'9' * 30}-{owners.machine()}-0a1b2c3d")
    assert not owners.is_dead(None)


@pytest.mark.django_db(transaction=True)
def test_the_sweeper_takes_a_dead_process_its_leases_and_nobody_elses(clean_redis, make_session, actor, dead):
    lost, held = (make_session().threads.get() for _ in range(2))
    for thread in (lost, held):
        send_events(thread.session, [HELLO], actor=actor)
        assert leases.acquire(Thread, thread.pk)
    Thread.objects.update(enqueued_at=None, lease_until=timezone.now() + timedelta(hours=1))
    Thread.objects.filter(pk=lost.pk).update(lease_owner=dead)
    assert jobs.sweep_threads() == 1
    again = leases.acquire(Thread, lost.pk)
    assert again is not None
    assert again.was_lost
    assert leases.acquire(Thread, held.pk) is None
