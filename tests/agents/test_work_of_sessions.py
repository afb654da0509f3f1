"""When a session of a self-hosted environment asks for a worker, when it lets one go, and what it takes from one."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import time_machine
from django.db import connections
from django.utils import timezone

from agents import jobs, limits, trust
from agents.actors import Actor
from agents.exceptions import InvalidRequest, LeaseLost
from agents.models import OutboxEvent, Session, WorkItem
from agents.runtime.turn import Turn
from agents.services import work, work_queue
from agents.services.agents import create_agent
from agents.services.environments import create_environment
from agents.services.events import send_events
from agents.services.sessions import archive_session, delete_session

pytestmark = pytest.mark.django_db(transaction=True)

TOOLSET = {"type": "agent_toolset_20260401"}
ASKING = {**TOOLSET, "configs": [{"name": "bash", "permission_policy": {"type": "always_ask"}}]}


@pytest.fixture
def home(actor):
    return create_environment({"name": "ours", "config": {"type": "self_hosted"}}, actor=actor)


@pytest.fixture
def session(clean_redis, make_session, home):
    return make_session(environment_id=home.pk)


@pytest.fixture
def run(actor):
    def send_and_run(session, *events, by=None):
        sent = send_events(session, list(events), actor=by or actor)
        jobs.run_thread(session.threads.get().pk)
        session.refresh_from_db()
        return sent

    return send_and_run


def message(*steps):
    text = f"practice: {json.dumps({'steps': steps})}"
    return {"type": "user.message", "content": [{"type": "text", "text": text}]}


BASH = {"tool": "bash", "input": {"command": "echo"}}


def result(session, words="\n", **more):
    call = session.events.filter(type="agent.tool_use").order_by("-seq").first()
    content = [{"type": "text", "text": words}]
    return {"type": "user.tool_result", "tool_use_id": call.event_id, "content": content, "is_error": False, **more}


def take(home):
    """As a worker does: poll, acknowledge, beat."""
    item, _ = work.poll(home, reclaim_ms=0)
    work.acknowledge(item)
    return work.beat(item)[0]


def states():
    return list(WorkItem.objects.order_by("created_at").values_list("state", flat=True))


def test_a_new_session_waits_for_a_worker_and_one_of_the_cloud_does_not(session, make_session):
    make_session()
    assert list(WorkItem.objects.values_list("session_id", "state")) == [(session.pk, "queued")]


def test_a_call_rests_the_turn_until_the_worker_brings_its_result(session, run, home):
    run(session, message(BASH, {"text": "done"}))
    call = result(session)["tool_use_id"]
    assert session.stop_reason == {"type": "requires_action", "event_ids": [call]}
    worker = Actor.of_session(session)
    run(session, result(session, "oops", is_error=True), by=worker)
    assert session.stop_reason == {"type": "end_turn"}
    row = session.events.get(type="user.tool_result")
    assert (row.trust, row.payload["is_error"]) == (trust.TOOL_ERROR, True)
    (again,) = run(session, result(session, "late"), by=worker)
    assert again["id"] == row.event_id
    assert session.events.filter(type="user.tool_result").count() == 1


def test_blank_output_is_a_result_too(session, run):
    run(session, message(BASH, {"text": "done"}))
    run(session, result(session, "\n"))
    assert session.stop_reason == {"type": "end_turn"}


def test_a_session_of_the_cloud_takes_no_workers_result(clean_redis, make_session, run):
    session = make_session()
    said = {"type": "user.tool_result", "tool_use_id": "sevt_x", "content": [{"type": "text", "text": "x"}]}
    with pytest.raises(InvalidRequest, match="self-hosted"):
        run(session, said)


def test_what_nobody_allowed_has_no_result(actor, clean_redis, make_session, home, run):
    agent = create_agent({"name": "Asker", "model": "practice-1", "tools": [ASKING]}, actor=actor)
    session = make_session(agent=agent.pk, environment_id=home.pk)
    run(session, message(BASH, {"text": "done"}))
    with pytest.raises(InvalidRequest, match="not allowed"):
        run(session, result(session))


def test_the_prompt_leaves_out_where_files_are_handed_over(session, make_session):
    notes = {made.pk: Turn(made.threads.get()).toolbox.notes for made in (session, make_session())}
    assert ["/mnt/session/outputs" in " ".join(found) for found in notes.values()] == [False, True]


def test_input_calls_a_worker_unless_one_is_there(session, run, home):
    run(session, message({"text": "hi"}))
    assert states() == ["queued"]
    item = take(home)
    run(session, message({"text": "hi"}))
    assert states() == ["active"]
    work.stop_work(item, force=True, actor=Actor.of_session(session))
    assert states() == ["stopped"]
    run(session, {"type": "user.interrupt"})
    assert states() == ["stopped"]
    run(session, message({"text": "hi"}))
    assert states() == ["stopped", "queued"]


def test_the_item_waits_before_webhooks_tell_of_the_run(session, run, home):
    work.stop_work(WorkItem.objects.get(), force=True, actor=Actor.of_session(session))
    run(session, message({"text": "hi"}))
    told = OutboxEvent.objects.get(type="session.status_run_started")
    assert WorkItem.objects.order_by("-created_at").first().created_at < told.created_at


def test_a_worker_that_leaves_its_calls_is_followed_by_another_but_not_for_ever_at_once(session, run, home):
    run(session, message(BASH, {"text": "done"}))
    worker = Actor.of_session(session)
    for _ in range(3):
        WorkItem.objects.update(available_at=timezone.now())
        work.stop_work(take(home), force=True, actor=worker)
    assert states() == ["stopped"] * 3 + ["queued"]
    assert work.poll(home) is None
    with time_machine.travel(timezone.now() + timedelta(seconds=limits.WORK_RETRY_SECONDS_MAX), tick=False):
        assert work.poll(home)


def test_a_worker_without_anything_to_do_is_let_go(session, run, home):
    run(session, message({"text": "hi"}))
    item = take(home)
    with time_machine.travel(timezone.now() + timedelta(seconds=limits.WORK_IDLE_SECONDS - 5), tick=False):
        assert work.beat(item)[1]
    with time_machine.travel(timezone.now() + timedelta(seconds=limits.WORK_IDLE_SECONDS + 5), tick=False):
        item, is_extended = work.beat(item)
    assert (item.state, is_extended) == ("stopping", False)


def test_a_worker_stays_while_a_call_waits(session, run, home):
    run(session, message(BASH, {"text": "done"}))
    item = take(home)
    with time_machine.travel(timezone.now() + timedelta(hours=1), tick=False):
        assert work.beat(item)[1]


@pytest.mark.parametrize("end", [archive_session, delete_session])
def test_the_end_of_a_session_ends_its_work(session, home, actor, end):
    item = take(home)
    end(session, actor=actor)
    item, is_extended = work.beat(item, expected="whatever")
    assert (item.state, is_extended) == ("stopping", False)
    assert work.stop_work(item, force=True, actor=Actor.of_session(session)).state == "stopped"
    assert not WorkItem.objects.exclude(state="stopped").exists()


def test_a_session_that_ends_in_the_line_is_handed_to_nobody(session, home, actor):
    archive_session(session, actor=actor)
    assert work.poll(home) is None


def test_a_stopping_worker_that_never_comes_back_is_taken_as_stopped(session, home, run):
    run(session, message(BASH, {"text": "done"}))
    item = take(home)
    work.stop_work(item, actor=Actor.of_session(session))
    with time_machine.travel(timezone.now() + timedelta(seconds=limits.WORK_TEARDOWN_SECONDS + 1), tick=False):
        work_queue.sweep()
    assert states() == ["stopped", "queued"]


def test_a_worker_that_was_never_heard_of_again_cannot_come_back(session, home):
    item, _ = work.poll(home)
    work.acknowledge(item)
    with time_machine.travel(timezone.now() + timedelta(seconds=limits.WORK_TTL_SECONDS + 1), tick=False):
        work_queue.sweep()
        with pytest.raises(LeaseLost):
            work.beat(item, expected=work.NO_HEARTBEAT)
    assert Session.objects.get(pk=session.pk).status == "idle"


def test_what_is_long_over_is_forgotten(session, home, actor):
    archive_session(session, actor=actor)
    work.note_worker(home, "box")
    assert work_queue.forget_old_work() == 0
    with time_machine.travel(timezone.now() + timedelta(days=limits.WORK_KEPT_DAYS + 1), tick=False):
        assert work_queue.forget_old_work() == 1
    assert not home.pollers.exists()


def test_of_many_workers_that_ask_at_once_one_gets_the_item(session, home):
    def ask(number):
        try:
            return work.poll(home, worker_id=f"worker {number}")
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as threads:
        found = [answer for answer in threads.map(ask, range(8)) if answer]
    assert [item.session_id for item, _ in found] == [session.pk]
    assert work_queue.stats_of(home).workers == 8
