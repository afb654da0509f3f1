"""Budgets of sessions through the official client: what they may be, how a session pauses at one and goes on."""

import json
from datetime import date
from decimal import Decimal

import anthropic
import pytest

from agents import jobs
from agents.eventlog.fold import fold
from agents.models import ModelPrice, OutboxEvent, Session
from agents.services.prices import set_price

pytestmark = pytest.mark.django_db(transaction=True)

TOOLS = [{"type": "agent_toolset_20260401"}]
PAUSED = ["session.thread_status_idle", "session.usage", "session.status_idle"]
RESUMED = ["session.updated", "session.status_running", "session.thread_status_running", "span.model_request_start"]
LISTED = "user.tool_confirmation, user.tool_result, user.custom_tool_result and user.interrupt"


def cap(amount, currency="USD"):
    return {"type": "limit", "max_list_cost": {"amount": amount, "currency": currency}}


def says(*steps):
    text = "practice: " + json.dumps({"steps": list(steps)})
    return {"type": "user.message", "content": [{"type": "text", "text": text}]}


BASH = {"tool": "bash", "input": {"command": "true"}}
TWO_REQUESTS = says(BASH, {"text": "done"})
THREE_REQUESTS = says(BASH, BASH, {"text": "done"})


@pytest.fixture
def dear(actor):
    """One token costs a cent, so that the first request uses up every small budget."""
    rates = dict.fromkeys(("input", "output", "cache_read", "cache_write_5m", "cache_write_1h"), Decimal(10_000))
    return set_price("dear-model", date(2020, 1, 1), rates, actor=actor).model


@pytest.fixture
def make(wire, dear, environment, practice, sandbox_host, clean_redis):
    agent = wire.beta.agents.create(name="Dear", model=dear, tools=TOOLS)

    def make(**body):
        return wire.beta.sessions.create(agent=agent.id, environment_id=environment.id, **body)

    return make


@pytest.fixture
def run(wire):
    """Send events, let a worker drive the session, and return what came into the log."""

    def run(session, *events):
        before = len(logged(wire, session))
        if events:
            wire.beta.sessions.events.send(session.id, events=list(events))
        jobs.run_thread(Session.objects.get(pk=session.id).threads.get().pk)
        return logged(wire, session)[before:]

    return run


def logged(wire, session):
    return [event for event in wire.beta.sessions.events.list(session.id) if event.processed_at]


def types(events):
    return [event.type for event in events]


def refused(call, *arguments, **more):
    with pytest.raises(anthropic.BadRequestError) as refusal:
        call(*arguments, **more)
    error = refusal.value.body["error"]
    return error.get("details", {}).get("error_code"), error["message"]


def announced():
    return OutboxEvent.objects.filter(type="session.budget_reached").count()


def test_a_session_keeps_its_budget_and_shows_it(wire, make):
    session = make(budget=cap("2500"))
    assert session.budget.to_dict() == cap("2500")
    assert wire.beta.sessions.retrieve(session.id).budget == session.budget
    assert make().budget is None


@pytest.mark.parametrize(
    ("amount", "currency"),
    [("0", "USD"), ("-5", "USD"), ("1.5", "USD"), ("050", "USD"), ("", "USD"), ("5", "EUR"), (5, "USD")],
)
def test_a_budget_is_whole_cents_above_nothing(make, amount, currency):
    _, message = refused(make, budget=cap(amount, currency))
    assert message.startswith("budget.max_list_cost.")
    assert not Session.objects.exists()


def test_a_model_without_a_price_takes_no_budget(wire, make, environment):
    unpriced = wire.beta.agents.create(name="Unpriced", model="llama-9")
    code, message = refused(
        wire.beta.sessions.create, agent=unpriced.id, environment_id=environment.id, budget=cap("5")
    )
    assert (code, "llama-9" in message) == ("model_not_budgetable", True)
    lead = wire.beta.agents.create(
        name="Lead", model="claude-opus-5-5", multiagent={"type": "coordinator", "agents": [unpriced.id]}
    )
    code, message = refused(wire.beta.sessions.create, agent=lead.id, environment_id=environment.id, budget=cap("5"))
    assert (code, "llama-9" in message) == ("model_not_budgetable", True)
    assert not Session.objects.exists()


def test_a_session_pauses_before_the_request_that_it_cannot_pay(wire, make, run):
    session = make(budget=cap("1"))
    events = run(session, TWO_REQUESTS)
    assert types(events) == [
        "session.status_running",
        "session.thread_status_running",
        "user.message",
        "span.model_request_start",
        "agent.tool_use",
        "span.model_request_end",
        "agent.tool_result",
        *PAUSED,
    ]
    thread_idle, usage, idle = events[-3:]
    assert thread_idle.stop_reason.type == idle.stop_reason.type == "budget_reached"
    assert usage.budget.to_dict() == cap("1")
    found = wire.beta.sessions.retrieve(session.id)
    assert found.status == "idle"
    assert int(found.usage.list_cost.amount) == int(usage.usage.list_cost.amount) > 1
    assert announced() == 1


def test_what_the_log_folds_to_is_what_is_stored(make, run):
    session = make(budget=cap("1"))
    run(session, TWO_REQUESTS)
    row = Session.objects.get(pk=session.id)
    log = [(event.type, event.payload, event.processed_at) for event in row.events.in_order()]
    state = fold(log, model="dear-model")
    assert (state.usage, state.spent, state.stop_reason) == (row.usage, row.spent, row.stop_reason)
    thread = row.threads.get()
    assert fold(log, prefix="session.thread_", model="dear-model").usage == thread.usage


def test_at_the_cap_only_answers_and_stops_are_taken(wire, make, run):
    session = make(budget=cap("1"))
    run(session, TWO_REQUESTS)
    _, message = refused(wire.beta.sessions.events.send, session.id, events=[TWO_REQUESTS])
    assert LISTED in message
    before = logged(wire, session)
    (echo,) = wire.beta.sessions.events.send(session.id, events=[{"type": "user.interrupt"}]).data
    assert (echo.type, echo.processed_at) == ("user.interrupt", None)
    assert run(session) == []
    assert list(wire.beta.sessions.events.list(session.id)) == before


def test_a_raised_budget_lets_the_turn_go_on_to_the_next_cap(wire, make, run):
    session = make(budget=cap("1"))
    run(session, THREE_REQUESTS)
    spent = int(wire.beta.sessions.retrieve(session.id).usage.list_cost.amount)
    for amount in ("1", str(spent)):
        code, _ = refused(wire.beta.sessions.update, session.id, budget=cap(amount))
        assert code == "budget_not_raised"
    before = len(logged(wire, session))
    raised = wire.beta.sessions.update(session.id, budget=cap(str(spent + 1)))
    assert raised.budget.to_dict() == cap(str(spent + 1))
    run(session)
    events = logged(wire, session)[before:]
    assert types(events) == [
        *RESUMED,
        "agent.tool_use",
        "span.model_request_end",
        "agent.tool_result",
        *PAUSED,
    ]
    assert events[0].budget.to_dict() == cap(str(spent + 1))
    assert announced() == 2
    assert OutboxEvent.objects.filter(type="session.updated", object_id=session.id).count() == 1


def test_a_removed_budget_lets_the_turn_end_and_never_comes_back(wire, make, run):
    session = make(budget=cap("1"))
    run(session, TWO_REQUESTS)
    before = len(logged(wire, session))
    assert wire.beta.sessions.update(session.id, budget=None).budget is None
    run(session)
    events = logged(wire, session)[before:]
    assert types(events) == [*RESUMED, "agent.message", "span.model_request_end", *PAUSED]
    assert events[0].to_dict()["budget"] is None
    assert events[-1].stop_reason.type == "end_turn"
    assert "budget" not in events[-2].to_dict()
    code, _ = refused(wire.beta.sessions.update, session.id, budget=cap("99999999"))
    assert code == "budget_create_only"


def test_a_turn_that_ends_over_the_cap_ends_as_any_other(wire, make, run):
    session = make(budget=cap("1"))
    events = run(session, says({"text": "done"}))
    assert events[-1].stop_reason.type == "end_turn"
    assert announced() == 0
    _, message = refused(wire.beta.sessions.events.send, session.id, events=[TWO_REQUESTS])
    assert LISTED in message


def test_a_message_that_waited_when_the_cap_was_reached_waits_for_money(wire, make, run):
    session = make(budget=cap("1"))
    events = run(session, says({"text": "one"}), says({"text": "two"}))
    assert types(events)[-6:] == ["session.status_running", "session.thread_status_running", "user.message", *PAUSED]
    assert events[-1].stop_reason.type == "budget_reached"
    wire.beta.sessions.update(session.id, budget=None)
    assert types(run(session))[-5:] == ["agent.message", "span.model_request_end", *PAUSED]


def test_the_same_budget_again_changes_nothing(wire, make):
    session = make(budget=cap("2500"))
    again = wire.beta.sessions.update(session.id, budget=cap("2500"))
    assert (again.budget, again.updated_at) == (session.budget, session.updated_at)
    lower = wire.beta.sessions.update(session.id, budget=cap("3"))
    assert lower.budget.to_dict() == cap("3")


def test_a_price_that_goes_away_stops_what_can_no_longer_be_measured(wire, make, run):
    session = make(budget=cap("99999999"))
    run(session, says({"text": "one"}))
    ModelPrice.objects.all().delete()
    _, message = refused(wire.beta.sessions.events.send, session.id, events=[TWO_REQUESTS])
    assert LISTED in message
    assert wire.beta.sessions.retrieve(session.id).usage.list_cost is None
    wire.beta.sessions.update(session.id, budget=None)
    assert run(session, says({"text": "two"}))[-1].stop_reason.type == "end_turn"


def test_threads_cost_their_tokens_and_the_session_its_time_too(wire, make, run):
    session = make()
    run(session, TWO_REQUESTS)
    (thread,) = wire.beta.sessions.threads.list(session.id)
    found = wire.beta.sessions.retrieve(session.id)
    tokens = found.usage.input_tokens + found.usage.output_tokens
    assert thread.usage.list_cost.to_dict() == {"amount": str(tokens), "currency": "USD"}
    assert int(found.usage.list_cost.amount) in (tokens, tokens + 1)


def test_a_session_of_an_unpriced_model_shows_no_cost(wire, environment, practice, sandbox_host, clean_redis, run):
    agent = wire.beta.agents.create(name="Unpriced", model="llama-9")
    session = wire.beta.sessions.create(agent=agent.id, environment_id=environment.id)
    events = run(session, says({"text": "hello"}))
    assert "list_cost" not in events[-2].usage.to_dict()
    assert wire.beta.sessions.retrieve(session.id).usage.list_cost is None
    (thread,) = wire.beta.sessions.threads.list(session.id)
    assert thread.usage.list_cost is None


def test_another_workspaces_price_buys_nothing_here(stranger, make):
    agent = stranger.beta.agents.create(name="Dear", model="dear-model")
    environment = stranger.beta.environments.create(name="box")
    code, _ = refused(stranger.beta.sessions.create, agent=agent.id, environment_id=environment.id, budget=cap("5"))
    assert code == "model_not_budgetable"
