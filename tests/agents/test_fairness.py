"""Workspaces share the slots: whoever floods the line stands behind whoever has less under way."""

from datetime import timedelta

import django_rq
import pytest
import redis
from django.db import connection
from django.utils import timezone

from agents import fairness, jobs
from agents.actors import Actor
from agents.models import Event, Thread
from agents.services.agents import create_agent
from agents.services.environments import create_environment
from agents.services.events import send_events
from agents.services.sessions import create_session
from agents.services.workspaces import create_workspace
from config.worker import ThreadSlot

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("clean_redis", "practice")]

HELLO = {"type": "user.message", "content": [{"type": "text", "text": "Hello"}]}
FLOOD = 500


@pytest.fixture(autouse=True)
def _fresh_line(monkeypatch):
    monkeypatch.setattr(fairness, "_line", fairness._Line())


@pytest.fixture
def tenant():
    """`tenant(name)`: a function that opens a session in a workspace of that name and sends it messages."""

    def make(name):
        actor = Actor(workspace=create_workspace(name))
        agent = create_agent({"name": name, "model": "practice-1"}, actor=actor)
        environment = create_environment({"name": "box"}, actor=actor)

        def send(messages=1):
            session = create_session({"agent": agent.pk, "environment_id": environment.pk}, actor=actor)
            send_events(session, [HELLO] * messages, actor=actor)
            return session

        return send

    return make


def flood(send, sessions):
    """Many threads that wait, most of them without a word to say: only whose turn it is will be looked at."""
    first = send()
    thread, now = first.threads.get(), timezone.now()
    copies = [
        Thread(
            session=first,
            workspace_id=first.workspace_id,
            agent_snapshot=thread.agent_snapshot,
            created_at=now,
            updated_at=now,
            wake=1,
            enqueued_at=thread.enqueued_at,
        )
        for _ in range(sessions - 1)
    ]
    Thread.objects.bulk_create(copies)
    source = django_rq.get_queue("turns")
    for copy in copies:
        source.enqueue(jobs.run_thread, copy.pk, result_ttl=0)


def one_slot(turns=None):
    """One slot serves the line until it is empty, or so many wake-ups."""
    source = django_rq.get_queue("turns")
    slot = ThreadSlot([source], connection=source.connection, queue_class=type(source), log_job_description=False)
    slot.work(burst=True, max_jobs=turns, logging_level="WARNING")


def answered():
    """The names of the workspaces, turn by turn."""
    ends = Event.objects.filter(type="session.status_idle").order_by("processed_at", "pk")
    return list(ends.values_list("session__workspace__name", flat=True))


def test_who_sends_one_message_waits_for_one_turn_of_whoever_sent_five_hundred(tenant):
    flood(tenant("Big"), FLOOD)
    tenant("Small")()
    one_slot(turns=2)
    assert "Small" in answered()
    assert Thread.objects.filter(seen=0).count() == FLOOD - 1


def test_workspaces_take_turns_and_every_message_is_answered_once(tenant):
    big, middle, small = tenant("Big"), tenant("Middle"), tenant("Small")
    for send, sessions in ((big, 6), (middle, 3), (small, 2)):
        for _ in range(sessions):
            send()
    one_slot()
    order = answered()
    assert [set(order[:3]), set(order[3:6])] == [{"Big", "Middle", "Small"}] * 2
    assert set(order[6:8]) == {"Big", "Middle"}
    assert order[8:] == ["Big"] * 3
    assert not fairness.standings()


def test_a_session_with_many_messages_steps_aside_between_two_of_them(tenant):
    big, small = tenant("Big"), tenant("Small")
    big(messages=5)
    small(messages=2)
    one_slot()
    assert answered() == ["Big", "Small", "Big", "Small", "Big", "Big", "Big"]


def test_nobody_steps_aside_for_a_neighbour_of_the_same_workspace(tenant):
    send = tenant("Alone")
    first = send(messages=3)
    send()
    one_slot(turns=1)
    assert [end.session_id for end in Event.objects.filter(type="session.status_idle")] == [first.pk] * 3


def test_a_workspace_with_a_turn_under_way_stands_behind_one_without(tenant):
    big, small = tenant("Big"), tenant("Small")
    busy = big().threads.get()
    Thread.objects.filter(pk=busy.pk).update(lease_until=timezone.now() + timedelta(hours=1), lease_owner="1-other")
    hint = big().threads.get().pk
    wanted = small().threads.get().pk
    claimed = fairness.claim(hint, is_crowded=True)
    assert claimed.pk == wanted
    assert fairness.claim(hint, is_crowded=True).pk == hint
    assert fairness.claim(hint, is_crowded=True) is None


def test_a_slot_that_waits_for_its_look_at_the_line_holds_no_connection(tenant, monkeypatch):
    """Else those that wait could hold all of them, and the one that they wait for gets none."""
    if connection.vendor == "sqlite":
        pytest.skip("SQLite has no pool")
    held = []

    class Watched:
        def __enter__(self):
            held.append(connection.connection)

        def __exit__(self, *exception):
            pass

    waiting = tenant("Small")().threads.get().pk
    monkeypatch.setattr(fairness._line, "lock", Watched())
    assert fairness.claim("sthr_gone", is_crowded=False).pk == waiting
    assert held == [None]


def test_a_turn_that_waits_to_be_tried_again_holds_nobody_up(tenant):
    big, small = tenant("Big"), tenant("Small")
    later, now = big().threads.get(), small().threads.get()
    Thread.objects.filter(pk=later.pk).update(wake_at=timezone.now() + timedelta(hours=1))
    assert fairness.claim(later.pk, is_crowded=True).pk == now.pk


def test_what_redis_forgot_goes_on_in_the_same_order(tenant, redis_server):
    big, small = tenant("Big"), tenant("Small")
    for _ in range(3):
        big()
    small()
    redis.Redis.from_url(redis_server).flushdb()
    Thread.objects.update(enqueued_at=timezone.now() - timedelta(minutes=1))
    jobs.sweep_threads()
    one_slot()
    order = answered()
    assert sorted(order) == ["Big"] * 3 + ["Small"]
    assert "Small" in order[:2]


def test_the_line_is_read_from_its_index_alone(tenant):
    """Else a flood would make every turn of everybody slow."""
    tenant("Big")()
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL reads a small table as a whole")
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {fairness.STANDING}", {"now": "2026-01-01", "hint": "sthr_none"})
        plan = [row[3] for row in cursor.fetchall() if Thread._meta.db_table in row[3]]
    assert plan
    assert [step for step in plan if "thread_in_line" not in step and "(id=?)" not in step] == []
