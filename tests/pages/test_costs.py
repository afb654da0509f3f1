"""Pages about money: prices, what sessions cost, a paused session, and the sums."""

import csv
import io
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from agents.models import AuditEvent, ModelPrice, Session, SessionKind, Workspace
from agents.services.agents import create_agent
from agents.services.prices import RATES, book_of, set_price
from tests.pages.reviews import make_session

TODAY = timezone.now().astimezone(UTC).date()
PRICE = {"model": "llama-9", "valid_from": "2026-11-01", **dict.fromkeys(RATES, "2.5")}


def used(session, model, *, day=TODAY, input_tokens=1_000_000, output_tokens=0, cached=0, seconds=0, **columns):
    counters = {
        "input_tokens": input_tokens,
        "output_tokens": output_tokens,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": cached,
    }
    spent = {day.isoformat(): {model: counters, "": {"active_seconds": seconds}}}
    Session.objects.filter(pk=session.pk).update(spent=spent, usage=counters, kind=SessionKind.AGENT, **columns)


@pytest.fixture(autouse=True)
def noon(time_machine):
    """No midnight comes in the middle of a test."""
    time_machine.move_to(datetime(TODAY.year, TODAY.month, TODAY.day, 12, tzinfo=UTC))


@pytest.fixture
def session(actor):
    return make_session(actor)


def test_the_built_in_prices_say_where_and_when_they_were_read(as_bob):
    html = as_bob.get("/prices/").content.decode()
    assert "claude-opus-5-5" in html
    assert "Anthropic’s page of the model" in html or "Anthropic&#x27;s page of the model" in html
    assert "Set a price" not in html


def test_an_admin_sets_a_price_that_goes_before_the_built_in_one(as_alice, workspace):
    answer = as_alice.post("/prices/save/", PRICE | {"model": "claude-opus-5-5"})
    assert (answer.status_code, answer.url) == (303, "/prices/")
    html = as_alice.get("/prices/").content.decode()
    assert "own price applies" in html
    price = book_of(workspace).price_of("claude-opus-5-5", date(2026, 11, 1))
    assert price.rates.input == Decimal("2.5")
    assert AuditEvent.objects.filter(action="price.created").count() == 1
    as_alice.post("/prices/save/", PRICE | {"model": "claude-opus-5-5", "input": "3"})
    assert ModelPrice.objects.get().input == 3


def test_a_price_form_begins_with_what_applies(as_alice):
    html = as_alice.get("/prices/?model=claude-opus-5").content.decode()
    assert 'value="claude-opus-5"' in html
    assert 'value="6.25"' in html


@pytest.mark.parametrize(
    "wrong",
    [
        {"input": "-1"},
        {"input": "NaN"},
        {"output": "1e99"},
        {"model": ""},
        {"valid_from": "soon"},
        {"model": "x" * 300},
    ],
)
def test_a_wrong_price_comes_back_with_what_is_wrong(as_alice, wrong):
    answer = as_alice.post("/prices/save/", PRICE | wrong)
    assert answer.status_code == 422
    assert 'class="error"' in answer.content.decode()
    assert not ModelPrice.objects.exists()


def test_a_removed_price_leaves_what_applied_before(as_alice, actor, workspace):
    row = set_price("claude-opus-5", date(2026, 1, 1), dict.fromkeys(RATES, Decimal(1)), actor=actor)
    as_alice.post(f"/prices/{row.pk}/delete/")
    assert book_of(workspace).price_of("claude-opus-5", TODAY).rates.input == 5


def test_the_price_of_running_time_counts_from_today_on(as_alice, workspace):
    for price in ("0.5", "0.6"):
        assert as_alice.post("/prices/runtime/", {"usd_per_hour": price}).status_code == 303
    book = book_of(Workspace.objects.get(pk=workspace.pk))
    assert (book.runtime_on(TODAY), book.runtime_on(TODAY - timedelta(1))) == (Decimal("0.6"), Decimal("0.08"))
    assert as_alice.post("/prices/runtime/", {"usd_per_hour": "-1"}).status_code == 422


def test_models_that_agents_name_and_nobody_priced_are_named(as_bob, actor):
    create_agent({"name": "Odd", "model": "llama-<9>"}, actor=actor)
    assert "llama-&lt;9&gt;" in as_bob.get("/prices/").content.decode()


def test_lists_and_sessions_show_their_cost(as_bob, session):
    used(session, "claude-opus-5", seconds=3600)
    for address in ("/sessions/", f"/sessions/{session.pk}/"):
        assert "$5.08" in as_bob.get(address).content.decode()


def test_what_has_no_price_is_unpriced_and_never_free(as_bob, session):
    used(session, "llama-9", input_tokens=1_200_000, seconds=3)
    for address in ("/sessions/", f"/sessions/{session.pk}/", "/costs/"):
        html = as_bob.get(address).content.decode()
        assert "unpriced: 1.2M tokens" in html
        assert "$0.00</td>" not in html


def test_the_practice_model_costs_nothing_and_the_page_says_so(as_bob, session):
    used(session, "claude-opus-5", is_practice=True)
    assert "nothing was spent" in as_bob.get(f"/sessions/{session.pk}/").content.decode()
    assert "nothing was spent on it" in as_bob.get("/costs/").content.decode()


def test_an_imported_session_shows_an_estimate(as_bob, session):
    assert Session.objects.get(pk=session.pk).kind == SessionKind.IMPORTED
    html = as_bob.get(f"/sessions/{session.pk}/").content.decode()
    assert "estimated: characters / 4" in html
    assert "No usage yet" in as_bob.get("/costs/").content.decode()


def test_sums_are_told_by_day_agent_and_model(as_bob, session):
    used(session, "claude-opus-5", seconds=3600, cached=1_000_000, verdict="completed")
    html = as_bob.get("/costs/").content.decode()
    assert "$5.58" in html
    assert "50 %" in html
    assert "per completed one" in html
    assert session.agent.name in html
    assert f"{TODAY:%d %b}".lstrip("0") + ": $5.58" in html


def test_only_sessions_of_the_chosen_days_count(as_bob, session):
    used(session, "claude-opus-5")
    Session.objects.filter(pk=session.pk).update(created_at=datetime(2026, 3, 4, 12, tzinfo=UTC))
    assert "No usage yet" in as_bob.get("/costs/").content.decode()
    chosen = as_bob.get("/costs/?since=2026-03-04&until=2026-03-04").content.decode()
    assert "$5.00" in chosen
    assert as_bob.get("/costs/?since=soon&until=0001-01-01").status_code == 200


def test_the_file_has_a_row_for_each_day_agent_and_model(as_bob, session):
    used(session, "=claude", input_tokens=10)
    text = as_bob.get("/costs/export/").content.decode()
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["model"] for row in rows] == ["running time", "'=claude"]
    assert (rows[1]["unpriced_tokens"], rows[1]["list_cost_usd"]) == ("10", "")


def test_a_stranger_sees_no_costs_of_ours(as_charlie, session):
    used(session, "claude-opus-5")
    assert "$5" not in as_charlie.get("/costs/").content.decode()


def test_a_paused_session_says_so_and_an_admin_raises_its_budget(as_alice, as_bob, session):
    budget = {"type": "limit", "max_list_cost": {"amount": "100", "currency": "USD"}}
    used(session, "claude-opus-5", budget=budget, stop_reason={"type": "budget_reached"}, status="idle")
    address = f"/sessions/{session.pk}/"
    assert "Paused: the budget is used up" in as_bob.get(address).content.decode()
    assert "Remove the budget" not in as_bob.get(address).content.decode()
    assert "Remove the budget" in as_alice.get(address).content.decode()
    assert as_alice.post(f"{address}budget/", {"dollars": "4.99"}).status_code == 400
    assert as_alice.post(f"{address}budget/", {"dollars": "x"}).status_code == 400
    assert as_alice.post(f"{address}budget/", {"dollars": "9.50"}).status_code == 303
    assert Session.objects.get(pk=session.pk).budget["max_list_cost"]["amount"] == "950"
    assert as_alice.post(f"{address}budget/", {"remove": "1"}).status_code == 303
    assert Session.objects.get(pk=session.pk).budget is None
