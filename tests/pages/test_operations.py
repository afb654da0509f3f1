"""The operations page: what runs here, read by an admin, also while a part is away."""

from datetime import timedelta

import django_rq
import pytest
from django.test import override_settings
from django.utils import timezone
from rq import Queue, SimpleWorker

from agents import jobs, queue
from agents.actors import Actor
from agents.models import InboxEvent, Session, Thread
from agents.services.agents import create_agent
from agents.services.environments import create_environment
from agents.services.events import send_events
from agents.services.sessions import create_session

pytestmark = pytest.mark.django_db
MESSAGE = {"type": "user.message", "content": [{"type": "text", "text": "Hello"}]}


@pytest.fixture
def away(tmp_path):
    """No Redis."""
    queue.connection.cache_clear()
    with override_settings(REDIS_URL=f"unix://{tmp_path}/none.sock"):
        yield
    queue.connection.cache_clear()


@pytest.fixture
def operator(alice):
    """Alice runs the installation."""
    alice.user.is_superuser = True
    alice.user.save()


def make_session(actor) -> Session:
    agent = create_agent({"name": "Worker", "model": "practice-1"}, actor=actor)
    environment = create_environment({"name": f"box {Session.objects.count()}"}, actor=actor)
    return create_session({"agent": agent.pk, "environment_id": environment.pk}, actor=actor)


def shown(client) -> str:
    response = client.get("/operations/")
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def test_an_admin_sees_what_waits_and_since_when(as_alice, actor, clean_redis):
    session = make_session(actor)
    send_events(session, [MESSAGE], actor=actor)
    InboxEvent.objects.update(created_at=timezone.now() - timedelta(minutes=5))
    text = shown(as_alice)
    assert '<span class="label">Waiting for a worker</span><span class="big">1</span>' in text
    assert "5 min ago" in text
    assert "No worker runs." in text


def test_a_lost_turn_is_told_apart_from_one_that_waits(as_alice, actor, clean_redis):
    session = make_session(actor)
    send_events(session, [MESSAGE], actor=actor)
    Thread.objects.filter(session=session).update(lease_owner="7-gone", lease_until=timezone.now() - timedelta(hours=1))
    Session.objects.filter(pk=session.pk).update(repeated_requests=3)
    text = shown(as_alice)
    assert '<span class="label">Lost by a worker</span><span class="big">1</span>' in text
    assert '<span class="label">Requests repeated</span><span class="big">3</span>' in text


def test_an_admin_sees_nothing_of_other_workspaces_and_an_operator_sees_each(as_alice, alice, charlie, clean_redis):
    for member, messages in ((alice, 1), (charlie, 3)):
        actor = Actor(workspace=member.workspace, member=member)
        for _ in range(messages):
            send_events(make_session(actor), [MESSAGE], actor=actor)
    text = shown(as_alice)
    assert '<span class="label">Waiting for a worker</span><span class="big">1</span>' in text
    assert "Elsewhere" not in text
    assert "Failed jobs" not in text
    alice.user.is_superuser = True
    alice.user.save()
    text = shown(as_alice)
    assert '<span class="label">Waiting for a worker</span><span class="big">4</span>' in text
    assert '<td class="anywhere">Elsewhere</td><td data-label="Running" class="num">0</td>' in text
    assert '<td data-label="Waiting" class="num">3</td>' in text


def test_the_sweepers_round_and_the_workers_are_seen(as_alice, clean_redis):
    assert "Nobody sweeps." in shown(as_alice)
    jobs.sweep_threads()
    source = django_rq.get_queue("turns")
    worker = SimpleWorker([source], connection=source.connection)
    worker.register_birth()
    text = shown(as_alice)
    assert "Nobody sweeps." not in text
    assert "turns: 1" in text
    worker.register_death()


def test_a_failed_job_shows_the_last_line_of_its_traceback(as_alice, operator, clean_redis):
    source = Queue("turns", connection=queue.connection())
    source.enqueue("agents.jobs.destroy_sandbox", failure_ttl=60)
    SimpleWorker([source], connection=source.connection).work(burst=True)
    text = shown(as_alice)
    assert "agents.jobs.destroy_sandbox" in text
    assert "missing 1 required positional argument" in text


def test_the_page_stands_while_redis_is_away(as_alice, operator, away):
    text = shown(as_alice)
    assert "Redis does not answer." in text
    assert "Not known while Redis is away." in text


def test_htmx_gets_the_changing_part_alone(as_alice, clean_redis):
    response = as_alice.get("/operations/", headers={"HX-Request": "true", "HX-Target": "operations"})
    text = response.content.decode()
    assert 'hx-trigger="every 5s"' in text
    assert "<html" not in text
