"""Sums of costs that are kept by day are those of all sessions one by one, whatever happens to these meanwhile."""

import random
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import cycle

import pytest
from django.db import OperationalError, connection, transaction

from agents.eventlog.append import NewEvent, append
from agents.models import CostDay, Session, SessionKind, Uncounted
from agents.services import cost_counting
from agents.services.cost_days import READS, Period
from agents.services.costs import GROUPS, Costs
from agents.services.prices import RATES, book_of, delete_price, set_price, set_runtime_price
from agents.services.sessions import delete_session
from agents.services.verdicts import escalate_session, record_verdict
from tests.agents.test_cost_sums import MODELS, one_by_one, spent, told

pytestmark = pytest.mark.django_db

FIRST = datetime(2026, 11, 1, 5, tzinfo=UTC)
LATER = FIRST + timedelta(days=9)  # everything rests by then
USED = {"input_tokens": 1_000_000, "output_tokens": 5}
REQUEST_END = "span.model_request_end"


@pytest.fixture
def spenders(make_session, time_machine):
    """A dozen sessions, of four days, one of which is a dream and one imported; nobody has touched them for days."""
    time_machine.move_to(LATER, tick=False)
    chance = random.Random(5)
    made = [make_session() for _ in range(12)]
    for number, session in enumerate(made):
        session.created_at = session.updated_at = FIRST + timedelta(hours=8 * number)
        session.kind = {3: SessionKind.DREAM, 4: SessionKind.IMPORTED}.get(number, SessionKind.AGENT)
        session.verdict = chance.choice(("completed", None))
        session.spent = spent(chance)
        session.save()
    return made


def count():
    while cost_counting.count_resting():
        pass


def is_right(workspace):
    workspace.refresh_from_db()
    book = book_of(workspace)
    found = Costs(workspace, Period(), book)
    for names in ((), ("day",), ("kind", "model"), GROUPS):  # each of the four ways to count sessions
        assert told(found, names) == one_by_one(workspace, names, book)
    return True


def turn(session, **usage):
    """A request to a model, as the loop writes it down."""
    with transaction.atomic():
        append(session.pk, session.threads.get(), [NewEvent(type=REQUEST_END, payload={"model_usage": USED | usage})])


def uncounted(workspace):
    return dict(Session.objects.filter(workspace=workspace).exclude(uncounted=None).values_list("pk", "uncounted"))


@contextmanager
def once_before(words, act):
    """Do this, once, just before a statement with these words runs."""
    waiting = [act]

    def wrapper(execute, sql, params, many, context):
        if waiting and words in sql:
            waiting.pop()()
        return execute(sql, params, many, context)

    with connection.execute_wrapper(wrapper):
        yield
    assert not waiting


def test_what_is_kept_equals_a_recount(spenders, workspace):
    assert is_right(workspace)
    count()
    assert not uncounted(workspace)
    assert CostDay.objects.count() == 4
    assert is_right(workspace)
    versions = list(CostDay.objects.values_list("version", flat=True))
    count()
    assert list(CostDay.objects.values_list("version", flat=True)) == versions


def test_kept_sums_are_used(spenders, workspace):
    count()
    before = told(Costs(workspace, Period(), book_of(workspace)), ())
    Session.objects.update(spent={})
    assert told(Costs(workspace, Period(), book_of(workspace)), ()) == before


def test_what_went_on_a_moment_ago_is_not_kept_yet(spenders, workspace, time_machine):
    fresh = spenders[0]
    turn(fresh)
    count()
    assert uncounted(workspace) == {fresh.pk: Uncounted.NEW}
    assert is_right(workspace)
    time_machine.move_to(LATER + 2 * cost_counting.RESTS)
    count()
    assert not uncounted(workspace)
    assert is_right(workspace)


def test_a_late_turn_counts_at_once_and_again_when_the_session_rests(spenders, workspace, time_machine):
    count()
    for _ in range(2):
        turn(spenders[7])
        assert uncounted(workspace) == {spenders[7].pk: Uncounted.CHANGED}
        assert is_right(workspace)
    count()
    assert uncounted(workspace) == {spenders[7].pk: Uncounted.NEW}
    turn(spenders[7])
    assert is_right(workspace)
    time_machine.move_to(LATER + 2 * cost_counting.RESTS)
    count()
    assert not uncounted(workspace)
    assert is_right(workspace)


def test_who_did_their_job_may_be_said_later(spenders, workspace, actor):
    count()
    record_verdict(spenders[1], "completed", source="person", actor=actor)
    escalate_session(spenders[2], actor=actor)
    assert is_right(workspace)
    count()
    assert is_right(workspace)


def test_a_deleted_session_costs_nothing_any_more(spenders, workspace, actor):
    turn(spenders[9])
    count()
    turn(spenders[8])
    for session in spenders[8:11]:  # changed, new and counted ones
        delete_session(session, actor=actor)
        assert is_right(workspace)
    count()
    assert is_right(workspace)


def test_a_session_that_comes_late_counts_on_its_day(spenders, workspace, make_session):
    count()
    late = make_session()
    Session.objects.filter(pk=late.pk).update(
        created_at=FIRST, updated_at=FIRST, spent={"2026-11-01": {MODELS[0]: USED}}
    )
    assert is_right(workspace)
    count()
    assert not uncounted(workspace)
    assert is_right(workspace)


def test_edited_prices_count_at_once(spenders, workspace, actor):
    count()
    price = set_price("claude-opus-5-5", FIRST.date(), dict.fromkeys(RATES, "1000.5"), actor=actor)
    assert is_right(workspace)
    assert dearest(workspace) == dearest_one_by_one(workspace)
    count()
    assert dearest(workspace) == dearest_one_by_one(workspace)
    delete_price(price, actor=actor)
    set_runtime_price("2000", actor=actor)
    assert is_right(workspace)
    assert dearest(workspace) == dearest_one_by_one(workspace)


def test_the_dearest_are_ranked_anew_after_another_price(spenders, workspace, actor):
    count()
    set_price("claude-opus-5-5", FIRST.date(), dict.fromkeys(RATES, "1000.5"), actor=actor)
    assert set(CostDay.objects.values_list("edition", flat=True)) == {""}
    count()
    assert set(CostDay.objects.values_list("edition", flat=True)) == {book_of(workspace).edition}


def dearest(workspace):
    return [cost.usd for _, cost in Costs(workspace, Period(), book_of(workspace)).dearest(5)]


def dearest_one_by_one(workspace):
    found = Costs(workspace, Period(), book_of(workspace))
    Session.objects.update(uncounted=Uncounted.NEW)
    CostDay.objects.all().delete()
    return [cost.usd for _, cost in found.dearest(5)]


@pytest.mark.parametrize("hours", [(0, 96), (5, 53), (11, 12), (24, 72), (24, 71), (25, 72), (None, 30), (30, None)])
def test_a_period_may_begin_and_end_within_a_day(spenders, workspace, hours):
    bounds = [hour if hour is None else FIRST.replace(hour=0) + timedelta(hours=hour) for hour in hours]
    period, book = Period(first=bounds[0], until=bounds[1]), book_of(workspace)
    turn(spenders[5])
    before = told(Costs(workspace, period, book), GROUPS)
    count()
    assert told(Costs(workspace, period, book), GROUPS) == before
    inside = {session.pk for session in period.sessions(workspace.pk)}
    Session.objects.exclude(pk__in=inside).update(kind=SessionKind.IMPORTED)
    assert before == one_by_one(workspace, GROUPS, book)


def test_bounds_are_those_that_were_asked_for():
    tick = timedelta(microseconds=1)
    assert Period.within({"gt": FIRST, "lte": LATER}) == Period(first=FIRST + tick, until=LATER + tick)
    assert Period.within({"gte": FIRST, "gt": LATER, "lt": FIRST}) == Period(first=LATER + tick, until=FIRST)
    assert Period.within({"lte": datetime.max.replace(tzinfo=UTC)}) == Period()
    assert not Period(first=FIRST, until=LATER).holds(FIRST.date())
    assert Period(first=FIRST, until=LATER).holds(FIRST.date() + timedelta(days=1))


def test_a_killed_round_leaves_everything_as_it_was(spenders, workspace):
    def die():
        raise OperationalError("killed")

    for statement in ('UPDATE "agents_costday"', 'UPDATE "agents_session"'):
        with once_before(statement, die), pytest.raises(OperationalError):
            count()
        assert is_right(workspace)
    count()
    turn(spenders[3])
    with once_before('UPDATE "agents_session"', die), pytest.raises(OperationalError):
        count()
    assert is_right(workspace)
    count()
    assert is_right(workspace)


@pytest.mark.parametrize("act", ["count", "turn", "delete", "price"])
@pytest.mark.parametrize("was_counted", [False, True])
def test_what_happens_while_sums_are_made_is_not_lost(spenders, workspace, actor, act, was_counted):
    acts = {
        "count": count,
        "turn": lambda: turn(spenders[6]),
        "delete": lambda: delete_session(spenders[6], actor=actor),
        "price": lambda: set_price("claude-opus-5", FIRST.date(), dict.fromkeys(RATES, "9"), actor=actor),
    }
    if was_counted:
        count()
        turn(spenders[5])
    with once_before("WITH used", acts[act]):
        cost_counting.count_resting()
    assert is_right(workspace)
    count()
    assert is_right(workspace)


@pytest.mark.parametrize("times", [1, READS + 1])
def test_who_reads_while_sums_are_written_sees_each_session_once(spenders, workspace, times):
    used = [session for session in spenders if session.spent and session.kind != SessionKind.IMPORTED]
    changed = cycle(used)

    def write():
        cost_counting.count_resting()
        turn(next(changed))

    count()
    turn(next(changed))
    sessions = len(used)
    acts = [write] * times

    def wrapper(execute, sql, params, many, context):
        if "WITH used" in sql and acts:
            act, acts[:] = acts[0], acts[1:]
            with paused(acts):
                act()
        return execute(sql, params, many, context)

    with connection.execute_wrapper(wrapper):
        found = Costs(workspace, Period(), book_of(workspace))
    assert not acts
    assert found.by()[()].sessions == sessions
    assert is_right(workspace)


@contextmanager
def paused(acts):
    kept, acts[:] = list(acts), []
    yield
    acts[:] = kept


@pytest.mark.django_db(transaction=True)
def test_two_at_once_and_turns_beside_them_add_up(spenders, workspace):
    over, errors = threading.Event(), []

    def work(act):
        try:
            while not over.is_set():
                act()
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(cost_counting.count_resting,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for session in spenders[::2]:
        turn(session)
    over.set()
    for thread in threads:
        thread.join()
    assert not errors
    count()
    assert is_right(workspace)
