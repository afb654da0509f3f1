"""The scheduler: nothing starts twice, nothing is skipped silently, whoever is killed and however many run at once."""

import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from agents import trust
from agents.actors import Actor
from agents.models import Deployment, DeploymentRun, InboxEvent, OutboxEvent, Role, Session
from agents.services import deployment_runs, schedules
from agents.services.api_keys import issue_api_key, revoke_api_key
from agents.services.deployment_runs import author_of, start_due_deployments, start_scheduled
from agents.services.deployments import create_deployment, pause_deployment, unpause_deployment, update_deployment
from agents.services.members import change_role, remove_member
from agents.services.schedules import Occurrence, occurrence_of, start_due
from tests.agents.test_kill_at_every_step import forget_connections

MESSAGE = {"type": "user.message", "content": [{"type": "text", "text": "Write the report"}]}


@pytest.fixture
def make(actor, agent, environment):
    def make(expression="0 * * * *", zone="UTC", **members):
        body = {
            "name": "Report",
            "agent": agent.pk,
            "environment_id": environment.pk,
            "initial_events": [MESSAGE],
            "schedule": {"type": "cron", "expression": expression, "timezone": zone},
        }
        return create_deployment(body | members, actor=actor)

    return make


def due(deployment, at):
    """As if the scheduler had last looked just before this time."""
    Deployment.objects.filter(pk=deployment.pk).update(next_run_at=at)
    deployment.refresh_from_db()
    return deployment


def run_at(now):
    return start_due(Deployment.objects.select_related("agent", "environment", "workspace"), start_scheduled, now=now)


def runs():
    return list(DeploymentRun.objects.order_by("created_at"))


def utc(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_what_is_not_due_waits(make):
    due(make(), utc("2026-06-01T10:00"))
    assert run_at(utc("2026-06-01T09:59:59")) == 0
    assert run_at(utc("2026-06-01T10:00:00")) == 1
    assert run_at(utc("2026-06-01T10:00:01")) == 0
    row = Deployment.objects.get()
    assert (row.next_run_at, row.last_run_at) == (utc("2026-06-01T11:00"), utc("2026-06-01T10:00"))
    assert [run.scheduled_at for run in runs()] == [utc("2026-06-01T10:00")]


def test_after_a_time_without_a_scheduler_the_latest_start_is_late_and_the_missed_ones_are_told(make):
    due(make(), utc("2026-06-01T10:00"))
    assert run_at(utc("2026-06-01T14:20")) == 1
    missed, late = runs()
    assert (missed.scheduled_at, missed.session_id, missed.error["type"]) == (
        utc("2026-06-01T10:00"),
        None,
        "unknown_error",
    )
    assert missed.error["message"].startswith("4 scheduled starts were missed from 2026-06-01 10:00 UTC on")
    assert (late.scheduled_at, late.error) == (utc("2026-06-01T14:00"), None)
    assert Session.objects.count() == 1
    assert Deployment.objects.get().status == "active"
    assert Deployment.objects.get().next_run_at == utc("2026-06-01T15:00")
    kinds = [row.type for row in OutboxEvent.objects.filter(type__startswith="deployment_run").order_by("created_at")]
    assert kinds == [f"deployment_run.{word}" for word in ("started", "failed", "started", "succeeded")]


def test_a_start_that_is_late_by_less_than_an_interval_missed_nothing(make):
    due(make("0 3 * * *"), utc("2026-06-01T03:00"))
    assert run_at(utc("2026-06-01T21:00")) == 1
    assert [(run.scheduled_at, run.error) for run in runs()] == [(utc("2026-06-01T03:00"), None)]


def test_a_year_of_missed_minutes_is_counted_as_far_as_it_helps(make):
    row = due(make("* * * * *"), utc("2025-06-01T10:00"))
    occurrence = occurrence_of(row, utc("2026-06-01T10:00:30"))
    assert occurrence.scheduled_at == utc("2026-06-01T10:00")
    assert occurrence.missed_text.startswith("At least 1,000 scheduled starts were missed from 2025-06-01 10:00")


def test_unpausing_makes_up_for_nothing(make, actor):
    deployment = make("* * * * *")
    pause_deployment(deployment, actor=actor)
    assert run_at(timezone.now() + timedelta(days=1)) == 0
    unpause_deployment(deployment, actor=actor)
    assert Deployment.objects.get().next_run_at > timezone.now()
    assert start_due_deployments() == 0
    assert runs() == []


def test_a_repeated_local_time_starts_twice_and_a_missing_one_never(make):
    due(make("30 2 * * *", "Europe/Berlin"), utc("2026-10-25T00:30"))
    for now in ("2026-10-25T00:30", "2026-10-25T01:30", "2026-10-26T01:30"):
        assert run_at(utc(now)) == 1
    assert [run.scheduled_at for run in runs()] == [
        utc("2026-10-25T00:30"),
        utc("2026-10-25T01:30"),
        utc("2026-10-26T01:30"),
    ]
    due(Deployment.objects.get(), utc("2027-03-27T01:30"))
    run_at(utc("2027-03-27T01:30"))
    assert Deployment.objects.get().next_run_at == utc("2027-03-29T00:30")


def test_a_clock_that_was_set_back_starts_nothing_again(make):
    deployment = due(make(), utc("2026-06-01T10:00"))
    run_at(utc("2026-06-01T10:00"))
    due(deployment, utc("2026-06-01T10:00"))
    run_at(utc("2026-06-01T10:00"))
    assert len(runs()) == Session.objects.count() == 1


def test_one_that_fails_stays_due_and_holds_up_nobody(make, monkeypatch, caplog):
    broken, fine = due(make(), utc("2026-06-01T10:00")), due(make(), utc("2026-06-01T10:00"))

    def start(row, occurrence):
        if row.pk == broken.pk:
            raise OperationalError("busy")
        start_scheduled(row, occurrence)

    assert start_due(Deployment.objects.all(), start, now=utc("2026-06-01T10:00")) == 1
    assert [run.deployment_id for run in runs()] == [fine.pk]
    broken.refresh_from_db()
    assert (broken.next_run_at, broken.last_run_at) == (utc("2026-06-01T10:00"), None)
    assert broken.pk in caplog.text
    assert run_at(utc("2026-06-01T10:00:01")) == 1


def test_a_storm_is_started_in_helpings(make, monkeypatch):
    monkeypatch.setattr(schedules, "STARTED_AT_ONCE", 2)
    for _ in range(3):
        due(make(), utc("2026-06-01T10:00"))
    assert [run_at(utc("2026-06-01T10:00")) for _ in range(3)] == [2, 1, 0]


def test_jitter_delays_the_start_and_not_the_time_it_is_for(make, settings):
    settings.LUCID_SCHEDULE_JITTER = True
    deployment = due(make(), utc("2026-06-01T10:00"))
    starts_at = schedules._starts_at(deployment)
    assert utc("2026-06-01T10:00") < starts_at <= utc("2026-06-01T10:09")
    assert run_at(starts_at - timedelta(milliseconds=1)) == 0
    assert run_at(starts_at) == 1
    assert [run.scheduled_at for run in runs()] == [utc("2026-06-01T10:00")]


def test_its_sessions_run_on_behalf_of_who_wrote_their_first_message(make, actor, workspace):
    deployment = due(make(), utc("2026-06-01T10:00"))
    run_at(utc("2026-06-01T10:00"))
    assert Session.objects.get().principal == actor.member.pk
    assert InboxEvent.objects.get().trust == actor.trust
    program = author_of(deployment).of_api_key(issue_api_key(workspace, "robot", scopes=["write"])[0])
    update_deployment(deployment, {"initial_events": [MESSAGE, MESSAGE]}, actor=program)
    deployment.refresh_from_db()
    assert author_of(deployment).id == program.id
    assert author_of(deployment).trust < actor.trust


def test_nothing_runs_on_behalf_of_who_is_gone(make, actor, workspace, rita):
    deployment = make()
    change_role(rita, Role.ADMIN, actor=actor)
    remove_member(actor.member, actor=Actor.of_member(rita))
    assert (author_of(deployment).id, author_of(deployment).trust) == ("platform", trust.OUTSIDE)
    key, _ = issue_api_key(workspace, "robot", scopes=["write", "operator"])
    update_deployment(deployment, {"initial_events": [MESSAGE, MESSAGE]}, actor=Actor.of_api_key(key))
    deployment.refresh_from_db()
    assert author_of(deployment).trust == trust.PERSON
    revoke_api_key(key)
    assert (author_of(deployment).id, author_of(deployment).trust) == ("platform", trust.OUTSIDE)


@pytest.mark.django_db(transaction=True)
def test_two_schedulers_at_once_start_everything_once(make):
    for _ in range(6):
        due(make(), utc("2026-06-01T10:00"))
    ready = threading.Barrier(2, timeout=60)

    def schedule(_):
        try:
            ready.wait()
            return sum(run_at(utc("2026-06-01T12:30")) for _ in range(3))
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        assert sum(pool.map(schedule, range(2))) == 6
    assert Session.objects.count() == 6
    assert DeploymentRun.objects.filter(session_id__isnull=False, scheduled_at=utc("2026-06-01T12:00")).count() == 6
    assert DeploymentRun.objects.filter(session_id=None).count() == 6


class Countdown:
    """Kills this process at the n-th boundary: before and after every write of a start."""

    def __init__(self, boundary):
        self.left = boundary

    def pass_boundary(self):
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def __call__(self, execute, sql, params, many, context):
        self.pass_boundary()
        result = execute(sql, params, many, context)
        self.pass_boundary()
        return result


def start_and_die(now, boundary):
    """Start what is due in a process of its own that is killed at the boundary; whether it was."""
    pid = os.fork()
    if pid == 0:
        try:
            forget_connections()
            with connection.execute_wrapper(Countdown(boundary)):
                run_at(now)
            os._exit(0)
        except BaseException:
            os._exit(1)
    _, status = os.waitpid(pid, 0)
    return os.WIFSIGNALED(status)


@pytest.mark.django_db(transaction=True)
def test_a_scheduler_killed_between_any_two_statements_loses_and_doubles_nothing(make, clean_redis):
    deployment, now = make(), utc("2026-06-01T12:30")
    for boundary in count(1, 3):
        due(deployment, utc("2026-06-01T10:00"))
        DeploymentRun.objects.all().delete()
        Session.objects.all().delete()
        was_killed = start_and_die(now, boundary)
        for run in runs():
            assert (run.session_id is None) == bool(run.error)
        assert DeploymentRun.objects.exclude(session_id=None).count() == Session.objects.count()
        run_at(now)
        assert [run.scheduled_at for run in runs()] == [utc("2026-06-01T10:00"), utc("2026-06-01T12:00")]
        session = Session.objects.get()
        assert (session.pk, session.status) == (runs()[1].session_id, "running")
        assert session.inbox.count() == 1
        if not was_killed:
            break
    assert boundary > 30


def test_an_occurrence_speaks_of_one_or_many():
    one = Occurrence(scheduled_at=utc("2026-06-01T12:00"), missed=1, missed_since=utc("2026-06-01T10:00"))
    assert one.missed_text.startswith("1 scheduled start was missed")


def test_a_busy_database_is_no_reason_to_give_up(make, monkeypatch):
    due(make(), utc("2026-06-01T10:00"))

    def busy(*args, **kwargs):
        raise OperationalError("database is locked")

    with monkeypatch.context() as patch:
        patch.setattr(deployment_runs, "create_session", busy)
        assert run_at(utc("2026-06-01T10:00")) == 0
    assert runs() == []
    assert run_at(utc("2026-06-01T10:00:01")) == 1
