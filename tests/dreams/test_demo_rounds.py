"""Demo rounds with the real engine, sandbox and practice model: built once, run to the end, resumed after a kill."""

import django_rq
import pytest

from agents import jobs, plugs, queue
from agents.models import ApiKey, Event, InboxEvent, Session
from agents.sandbox.base import SandboxUnavailable
from agents.services.verdicts import record_verdict
from agents.services.workspaces import create_workspace
from dreams.demo import rounds
from dreams.demo.answers import read_answer
from dreams.demo.jobs import advance_demo, tick
from dreams.demo.rounds import Step, build, find_demo, make_sessions, next_step, run_again, start_dream, start_sessions
from memory.models import Memory

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def demo(workspace, clean_redis):
    return build(workspace)


def judge_all(demo, number, actor):
    for session in demo.sessions(number):
        record_verdict(session, "failed", source="checker", actor=actor)


def texts_sent(session):
    return [event.payload["content"][0]["text"] for event in InboxEvent.objects.filter(session=session)]


def test_a_workspace_has_one_demo_however_often_it_is_built(demo, workspace):
    assert build(workspace).agent.pk == demo.agent.pk
    assert find_demo(workspace).seed == demo.seed


def test_two_workspaces_get_worlds_of_their_own(demo):
    other = build(create_workspace("Other"))
    assert other.seed != demo.seed
    assert other.world != demo.world


def test_the_memory_starts_with_an_index_and_nothing_else(demo):
    assert list(Memory.objects.filter(store_id=demo.store_id).values_list("path", flat=True)) == ["/_index.md"]


def test_a_round_is_made_once_with_every_task_on_behalf_of_its_principal(demo):
    make_sessions(demo, 1)
    make_sessions(demo, 1)
    tasks = demo.tasks(1)
    sessions = list(demo.sessions(1))
    assert sorted(session.metadata["demo_task"] for session in sessions) == sorted(tasks)
    assert all(session.principal == tasks[session.metadata["demo_task"]].principal for session in sessions)


def test_a_round_that_was_killed_while_it_was_made_leaves_nothing(demo, monkeypatch):
    made = []

    def killed(demo, number, task):
        made.append(task)
        if len(made) == 3:
            raise KeyboardInterrupt
        return real(demo, number, task)

    real = rounds._create_session
    monkeypatch.setattr(rounds, "_create_session", killed)
    with pytest.raises(KeyboardInterrupt):
        make_sessions(demo, 1)
    assert next_step(demo, 1) is Step.MAKE


def test_a_round_that_was_killed_while_it_was_started_sends_each_task_once(demo, sandbox_host, monkeypatch):
    make_sessions(demo, 1)
    some = list(demo.sessions(1)[:3])
    programs = rounds.program_files(demo.world)
    for session in some:
        rounds._start(session, demo.tasks(1)[session.metadata["demo_task"]], programs)
    assert next_step(demo, 1) is Step.START
    start_sessions(demo, 1)
    rounds._start(some[0], demo.tasks(1)[some[0].metadata["demo_task"]], programs)
    assert all(len(texts_sent(session)) == 1 for session in demo.sessions(1))
    assert next_step(demo, 1) is Step.WAIT


def test_the_programs_and_the_file_of_its_task_lie_in_each_session(demo, sandbox_host):
    make_sessions(demo, 1)
    start_sessions(demo, 1)
    session = demo.sessions(1).first()
    task = demo.tasks(1)[session.metadata["demo_task"]]
    for path, text in {**rounds.program_files(demo.world), **task.files}.items():
        assert plugs.sandbox().read_file(session.pk, path) == text.encode()


def test_the_agent_really_runs_the_programs_and_no_answer_is_known_beforehand(demo, sandbox_host, practice):
    make_sessions(demo, 1)
    start_sessions(demo, 1)
    for session in demo.sessions(1)[:8]:
        task = demo.tasks(1)[session.metadata["demo_task"]]
        jobs.run_thread(session.threads.get().pk)
        events = list(Event.objects.filter(session=session).order_by("seq"))
        words = next(event for event in reversed(events) if event.type == "agent.message").payload["content"][0]["text"]
        printed = [str(event.payload) for event in events if event.type == "agent.tool_result"]
        if read_answer(words) == task.answer:
            assert any(task.answer in text for text in printed)
        else:
            assert not any(task.answer in text for text in printed)


def test_the_next_round_waits_for_the_verdicts_of_the_one_before(demo, actor):
    assert run_again(demo) == 1
    assert run_again(demo) == 1
    Session.objects.filter(agent=demo.agent).update(next_position=2)
    assert next_step(demo, 1) is Step.CHECK
    judge_all(demo, 1, actor)
    assert run_again(demo) == 1
    start_dream(demo)
    assert next_step(demo, 1) is Step.NOTHING
    assert run_again(demo) == 2
    assert demo.sessions(2).count() == demo.sessions(1).count()


def test_the_checker_is_asked_only_for_sessions_without_a_verdict(demo, actor, monkeypatch):
    make_sessions(demo, 1)
    first, *rest = demo.sessions(1)
    record_verdict(first, "completed", source="checker", actor=actor)
    orders = []
    monkeypatch.setattr(rounds, "run_checker", orders.append)
    rounds.check(demo, 1, base_url="http://127.0.0.1:1")
    assert orders[0]["expected"].keys() == {session.pk for session in rest}
    assert not ApiKey.objects.filter(workspace=demo.workspace, revoked_at=None).exists()


def test_a_demo_without_a_sandbox_waits_and_nothing_is_lost(demo, monkeypatch):
    def unavailable(session_id, files):
        raise SandboxUnavailable("no sandbox here")

    monkeypatch.setattr(plugs.sandbox(), "put_files", unavailable)
    advance_demo(demo.agent.pk)
    assert next_step(demo, 1) is Step.START
    assert demo.sessions(1).count() == len(demo.tasks(1))


def test_a_tick_wakes_one_worker_for_a_demo_that_can_go_on(demo):
    tick()
    tick()
    batch = django_rq.get_queue("batch", connection=queue.connection())
    assert [job.func_name for job in batch.jobs] == ["dreams.demo.jobs.advance_demo"]


def test_the_first_round_is_dreamt_over_once_with_all_its_sessions(demo):
    make_sessions(demo, 1)
    start_dream(demo)
    start_dream(demo)
    dreamt = demo.dreams().get()
    assert dreamt.input_session_ids == sorted(session.pk for session in demo.sessions(1))


def test_an_archived_session_does_not_hold_up_its_round(demo, actor):
    make_sessions(demo, 1)
    first = demo.sessions(1).first()
    Session.objects.filter(agent=demo.agent).exclude(pk=first.pk).update(next_position=2)
    Session.objects.filter(pk=first.pk).update(archived_at=first.created_at)
    assert next_step(demo, 1) is Step.CHECK
