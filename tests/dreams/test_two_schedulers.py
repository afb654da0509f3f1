"""Two schedulers at the same moment, on the same database."""

from datetime import timedelta
from threading import Barrier, Thread

import pytest
from django.db import connection
from django.utils import timezone

from agents.actors import Actor
from dreams import policies
from dreams.models import Dream, DreamPolicy, DreamPolicyRun
from tests.dreams import events
from tests.dreams.dreaming import session_of, store_of

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(number: int) -> list[int]:
    """What each of so many schedulers started."""
    barrier, started = Barrier(number), list[int]()

    def scheduler() -> None:
        barrier.wait()
        started.append(policies.start_due_policies())
        connection.close()

    threads = [Thread(target=scheduler) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return started


def test_what_is_due_is_dreamt_about_by_one_of_them(actor: Actor) -> None:
    session_of(actor, events.mended())
    for _ in range(3):
        policies.create_policy({"memory_store_id": store_of(actor).pk}, actor=actor)
    DreamPolicy.objects.update(next_run_at=timezone.now() - timedelta(seconds=1))
    at_once(4)
    at_once(1)  # one that found the database busy left the rest due
    assert Dream.objects.count() == DreamPolicyRun.objects.count() == 3
    assert set(DreamPolicyRun.objects.values_list("result", flat=True)) == {"started"}
