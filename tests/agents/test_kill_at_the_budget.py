"""A worker that is killed with SIGKILL anywhere in a turn that runs into its budget leaves a session that pauses
exactly once, tells webhooks exactly once, and goes on when the budget is removed."""

from datetime import date
from decimal import Decimal
from itertools import count

import pytest

from agents.eventlog.fold import fold
from agents.models import OutboxEvent
from agents.services.events import send_events
from agents.services.prices import set_price
from agents.services.session_updates import update_session
from tests.agents.test_kill_at_every_step import BOUNDARIES_MAX, OUTLINE, PROGRAM, recover, run_and_die

ONE_CENT = {"type": "limit", "max_list_cost": {"amount": "1", "currency": "USD"}}
PAUSED = ["session.thread_status_idle", "session.usage", "session.status_idle"]
RESUMED = ["session.updated", "session.status_running", "session.thread_status_running"]
BEFORE, AFTER = OUTLINE[:7], OUTLINE[7:]


@pytest.mark.django_db(transaction=True)
def test_a_session_pauses_and_goes_on_exactly_once(make_session, actor, sandbox_host, clean_redis):
    rates = dict.fromkeys(("input", "output", "cache_read", "cache_write_5m", "cache_write_1h"), Decimal(10_000))
    set_price("practice-1", date(2020, 1, 1), rates, actor=actor)
    for boundary in count(1):
        session = make_session(budget=ONE_CENT)
        send_events(session, [{"type": "user.message", "content": [{"type": "text", "text": PROGRAM}]}], actor=actor)
        was_killed = run_and_die(session.threads.get().pk, boundary)
        recover(session)
        check(session, [*BEFORE, *PAUSED], "budget_reached", boundary)
        assert OutboxEvent.objects.filter(type="session.budget_reached", object_id=session.pk).count() == 1
        update_session(session, {"budget": None}, actor=actor)
        was_killed |= run_and_die(session.threads.get().pk, boundary)
        recover(session)
        check(session, [*BEFORE, *PAUSED, *RESUMED, *AFTER], "end_turn", boundary)
        assert boundary < BOUNDARIES_MAX
        if not was_killed:
            break
    assert boundary > 20


def check(session, outline, reason, boundary):
    session.refresh_from_db()
    events = list(session.events.in_order())
    assert [event.type for event in events] == outline, f"killed at boundary {boundary}"
    state = fold([(event.type, event.payload, event.processed_at) for event in events], model="practice-1")
    assert (state.status, state.usage, state.spent) == (session.status, session.usage, session.spent)
    assert session.stop_reason["type"] == reason
    thread = session.threads.get()
    assert (thread.lease_until, thread.wake) == (None, thread.seen)
