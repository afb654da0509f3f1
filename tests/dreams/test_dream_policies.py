"""Dreams by the clock: what is due is dreamt about once, and every time it was due is on record."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.utils import timezone

from agents.actors import Actor
from agents.exceptions import InvalidRequest
from agents.models import AuditEvent, Session, SessionStatus
from agents.services.agents import archive_agent
from agents.services.verdicts import record_verdict
from dreams import policies
from dreams.choosing import choose_sessions
from dreams.models import Dream, DreamPolicy, DreamPolicyRun, DreamStatus
from dreams.selection import Candidate, pick
from memory.models import MemoryStore
from memory.services import archive_store, delete_store
from tests.dreams import events
from tests.dreams.dreaming import MODEL, begin, session_of, store_of

pytestmark = pytest.mark.django_db(transaction=True)

EVENING = datetime(2026, 11, 20, 20, 0, tzinfo=UTC)
NIGHT = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)


@pytest.fixture
def clock() -> Any:
    with time_machine.travel(EVENING, tick=False) as clock:
        yield clock


@pytest.fixture
def store(actor: Actor) -> MemoryStore:
    return store_of(actor)


@pytest.fixture
def policy(clock: Any, actor: Actor, store: MemoryStore) -> DreamPolicy:
    return make_policy(actor, store)


def make_policy(actor: Actor, store: MemoryStore, **members: Any) -> DreamPolicy:
    return policies.create_policy({"memory_store_id": store.pk, **members}, actor=actor)


def ended(actor: Actor, **options: Any) -> Session:
    return session_of(actor, events.mended(), **options)


def runs() -> list[tuple[str, str]]:
    return [(run.result, run.reason) for run in DreamPolicyRun.objects.order_by("created_at", "pk")]


def test_every_night_at_three_what_is_new_is_dreamt_about(actor: Actor, clock: Any, policy: DreamPolicy) -> None:
    sessions = [ended(actor, principal=name) for name in ("ann", "ben")]
    assert policies.start_due_policies() == 0
    clock.move_to(NIGHT)
    assert policies.start_due_policies() == 1
    dream = Dream.objects.get()
    assert dream.input_session_ids == sorted(session.pk for session in sessions)
    assert dream.model["id"] == MODEL
    assert (dream.policy, dream.output_behavior, dream.actor_type) == (policy, "create_new", None)
    run = DreamPolicyRun.objects.get()
    assert (run.result, run.dream_id, run.session_count, run.scheduled_at) == ("started", dream.pk, 2, NIGHT)


def test_a_night_without_anything_new_says_so(actor: Actor, clock: Any, policy: DreamPolicy) -> None:
    clock.move_to(NIGHT)
    policies.start_due_policies()
    text = "Nothing new: 0 finished sessions since 2026-10-22 03:00 UTC that were not read before."
    assert runs() == [("nothing_new", text)]
    assert not Dream.objects.exists()


def test_nothing_starts_twice(actor: Actor, clock: Any, policy: DreamPolicy) -> None:
    ended(actor)
    clock.move_to(NIGHT)
    assert [policies.start_due_policies() for _ in range(3)] == [1, 0, 0]
    assert Dream.objects.count() == 1


def test_a_scheduler_that_dies_while_it_starts_leaves_the_run_due(
    actor: Actor, clock: Any, policy: DreamPolicy, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def dies(*args: Any, **kwargs: Any) -> Any:
        raise Killed

    ended(actor)
    clock.move_to(NIGHT)
    with monkeypatch.context() as patch:
        patch.setattr("dreams.policies.DreamPolicyRun.objects.create", dies)
        with pytest.raises(Killed):
            policies.start_due_policies()
    connection.close()
    assert not Dream.objects.exists()
    assert policies.start_due_policies() == 1
    assert Dream.objects.count() == DreamPolicyRun.objects.count() == 1


def test_nights_without_a_scheduler_are_made_up_for_once_and_told_of(
    actor: Actor, clock: Any, policy: DreamPolicy
) -> None:
    ended(actor)
    clock.move_to(NIGHT + timedelta(days=2, hours=6))
    policies.start_due_policies()
    run = DreamPolicyRun.objects.get()
    assert (run.result, run.scheduled_at) == ("started", NIGHT + timedelta(days=2))
    assert run.reason.startswith("2 scheduled starts were missed from 2026-11-21 03:00 UTC")


def test_a_paused_policy_is_not_due_and_makes_up_for_nothing(actor: Actor, clock: Any, policy: DreamPolicy) -> None:
    ended(actor)
    policies.update_policy(policy, {"enabled": False}, actor=actor)
    clock.move_to(NIGHT + timedelta(hours=1))
    assert policies.start_due_policies() == 0
    on = policies.update_policy(policy, {"enabled": True}, actor=actor)
    assert on.next_run_at == NIGHT + timedelta(days=1)
    assert policies.start_due_policies() == 0


def test_three_at_night_is_three_where_the_policy_lives(actor: Actor, clock: Any, store: MemoryStore) -> None:
    schedule = {"type": "cron", "expression": "0 3 * * *", "timezone": "America/New_York"}
    assert make_policy(actor, store, schedule=schedule).next_run_at == datetime(2026, 11, 21, 8, 0, tzinfo=UTC)


def test_a_session_is_read_once_until_it_goes_on(actor: Actor, clock: Any, policy: DreamPolicy) -> None:
    session = ended(actor)
    clock.shift(60)
    policies.run_policy(policy, actor=actor)
    Dream.objects.update(status=DreamStatus.COMPLETED)
    clock.shift(60)
    assert policies.run_policy(policy, actor=actor).reason.endswith("Left out: 1 read by an earlier dream.")
    Session.objects.filter(pk=session.pk).update(last_processed_at=timezone.now())
    assert policies.run_policy(policy, actor=actor).result == "started"


@pytest.mark.parametrize("status", [DreamStatus.FAILED, DreamStatus.CANCELED])
def test_what_a_dream_did_not_get_to_is_read_by_the_next(
    actor: Actor, clock: Any, policy: DreamPolicy, status: str
) -> None:
    ended(actor)
    policies.run_policy(policy, actor=actor)
    Dream.objects.update(status=status)
    assert policies.run_policy(policy, actor=actor).result == "started"


def test_two_policies_read_the_same_sessions_each(actor: Actor, clock: Any, policy: DreamPolicy) -> None:
    ended(actor)
    other = make_policy(actor, store_of(actor))
    assert {policies.run_policy(row, actor=actor).session_count for row in (policy, other)} == {1}


def test_while_its_dream_goes_on_no_other_is_started(actor: Actor, clock: Any, policy: DreamPolicy) -> None:
    ended(actor)
    first = policies.run_policy(policy, actor=actor)
    ended(actor)
    second = policies.run_policy(policy, actor=actor)
    assert (second.result, second.dream_id) == ("skipped", None)
    assert str(first.dream_id) in second.reason


def test_only_finished_sessions_of_its_agent_are_read(actor: Actor, clock: Any, store: MemoryStore) -> None:
    mine, other = ended(actor), ended(actor, tools=["lookup"])
    escalated, running = ended(actor), ended(actor)
    Session.objects.filter(pk=escalated.pk).update(escalated_at=timezone.now())
    Session.objects.filter(pk=running.pk).update(status=SessionStatus.RUNNING)
    old = ended(actor)
    long_ago = timezone.now() - timedelta(days=31)
    Session.objects.filter(pk=old.pk).update(created_at=long_ago, last_processed_at=long_ago, ended_at=None)
    choice = choose_sessions(make_policy(actor, store, agent_id=mine.agent_id), timezone.now())
    assert choice.session_ids == (mine.pk,)
    assert choice.skipped == {"escalated to a person": 1, "not finished": 1}
    assert other.pk in choose_sessions(make_policy(actor, store), timezone.now()).session_ids


def test_a_live_session_is_over_when_it_rests_or_has_its_verdict(actor: Actor, clock: Any, policy: DreamPolicy) -> None:
    session = ended(actor, verdict=None)
    columns = {"kind": "agent", "stop_reason": {"type": "end_turn"}}
    Session.objects.filter(pk=session.pk).update(**columns)
    assert choose_sessions(policy, timezone.now()).skipped == {"not finished": 1}
    assert choose_sessions(policy, timezone.now() + timedelta(minutes=11)).session_ids == (session.pk,)
    record_verdict(session, "failed", source="person", actor=actor)
    assert choose_sessions(policy, timezone.now()).session_ids == (session.pk,)


def test_a_session_that_waits_for_its_client_is_not_over(actor: Actor, clock: Any, policy: DreamPolicy) -> None:
    session = ended(actor, verdict=None)
    Session.objects.filter(pk=session.pk).update(kind="agent", stop_reason={"type": "requires_action"})
    assert choose_sessions(policy, timezone.now() + timedelta(days=1)).session_ids == ()


def test_what_exceeds_the_limit_is_left_for_the_next_dream(actor: Actor, clock: Any, store: MemoryStore) -> None:
    for _ in range(3):
        ended(actor)
    policy = make_policy(actor, store, sessions={"limit": 2})
    choice = choose_sessions(policy, timezone.now())
    assert (len(choice.session_ids), choice.skipped) == (2, {"left for the next dream": 1})


def test_a_store_that_went_away_is_told_of_at_every_run(actor: Actor, clock: Any, policy: DreamPolicy) -> None:
    ended(actor)
    store = MemoryStore.objects.get()
    archive_store(store)
    clock.move_to(NIGHT)
    policies.start_due_policies()
    delete_store(store)
    policy.refresh_from_db()
    policies.run_policy(policy, actor=actor)
    assert [result for result, _ in runs()] == ["failed", "failed"]
    assert ["is archived" in reason or "was deleted" in reason for _, reason in runs()] == [True, True]


def test_a_policy_whose_store_or_agent_went_away_can_still_be_paused(
    actor: Actor, clock: Any, store: MemoryStore
) -> None:
    agent = ended(actor).agent
    policy = make_policy(actor, store, agent_id=agent.pk)
    archive_agent(agent, actor=actor)
    delete_store(store)
    assert not policies.update_policy(policy, {"enabled": False, "agent_id": agent.pk}, actor=actor).is_enabled
    with pytest.raises(InvalidRequest, match="was deleted"):
        policies.update_policy(policy, {"mode": "auto"}, actor=actor)


def test_an_auto_policy_updates_its_store_and_waits_for_another_that_does(
    actor: Actor, clock: Any, store: MemoryStore
) -> None:
    session = ended(actor)
    policy = make_policy(actor, store, mode="auto")
    by_hand = begin(actor, store, [session], output_behavior="update_existing")
    run = policies.run_policy(policy, actor=actor)
    assert (run.result, by_hand.pk in run.reason) == ("failed", True)
    Dream.objects.update(status=DreamStatus.COMPLETED)
    policies.run_policy(policy, actor=actor)
    assert Dream.objects.get(policy=policy).output_behavior == "update_existing"


def test_the_objective_is_the_dreams_instruction(actor: Actor, clock: Any, store: MemoryStore) -> None:
    ended(actor)
    policies.run_policy(make_policy(actor, store, objective="Look at invoices.", model="other"), actor=actor)
    dream = Dream.objects.get()
    assert (dream.instructions, dream.model["id"], dream.actor_id) == ("Look at invoices.", "other", actor.id)
    assert dream.manifest["selection"]["skipped"] == {}


# Which of many


def candidate(name: str, *, principal: str = "", case: str = "", completed: bool = True, age: int = 0) -> Candidate:
    return Candidate(
        session_id=name,
        agent_id="a",
        principal=principal or name,
        at=EVENING - timedelta(hours=age),
        case=case,
        is_completed=completed,
    )


def test_sessions_that_recovered_from_an_error_come_first() -> None:
    smooth = [candidate(f"s{n}", age=n) for n in range(5)]
    recovered = candidate("r", case="bad header", age=100)
    assert pick([*smooth, recovered], 3)[0] == "r"


def test_a_frequent_case_does_not_push_out_a_rare_one() -> None:
    frequent = [candidate(f"f{n}", case="timeout", age=n) for n in range(50)]
    rare = candidate("rare", case="bad header", age=500)
    assert "rare" in pick([*frequent, rare], 2)


def test_one_principal_gets_a_fifth_unless_nobody_else_is_there() -> None:
    loud = [candidate(f"l{n}", principal="loud", age=n) for n in range(20)]
    others = [candidate(f"o{n}", age=100 + n) for n in range(8)]
    assert sum(name.startswith("l") for name in pick([*loud, *others], 10)) == 2
    assert len(pick(loud, 10)) == 10


def test_an_archived_agents_schedules_pause_and_the_log_says_why(
    actor: Actor, clock: Any, store: MemoryStore, policy: DreamPolicy
) -> None:
    agent = ended(actor).agent
    own = make_policy(actor, store, agent_id=agent.pk)
    archive_agent(agent, actor=actor)
    own.refresh_from_db()
    policy.refresh_from_db()
    assert (own.is_enabled, own.next_run_at, policy.is_enabled) == (False, None, True)
    said = AuditEvent.objects.get(object_id=own.pk, action="dream_policy.updated")
    assert (said.detail, said.reason) == ("paused", "Its agent was archived.")
