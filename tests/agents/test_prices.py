"""What usage costs: the table, own prices before it, the days on which they count, and the sums."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import get_args

import pytest
from anthropic.types.beta.beta_managed_agents_model_param import BetaManagedAgentsModelParam
from anthropic.types.model_param import ModelParam

from agents.eventlog.fold import fold, spent_until, usage_shape
from agents.price_list import BUILT_IN, Price, Rates
from agents.prices import PriceBook, cents, cost_of, monetary_amount

DAY = date(2026, 11, 12)
NOON = datetime(2026, 11, 12, 12, tzinfo=UTC)
TEN = Rates(
    input=Decimal(10),
    output=Decimal(10),
    cache_read=Decimal(10),
    cache_write_5m=Decimal(10),
    cache_write_1h=Decimal(10),
)
BOOK = PriceBook()
NOT_LISTED = {"claude-mythos-5-2"}  # no source at hand states its list price


def used(**counters):
    return {
        "input_tokens": 0,
        "output_tokens": 0,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
    } | counters


def on(day, model, **counters):
    return {day.isoformat(): {model: used(**counters)}}


def request_end(**counters):
    return ("span.model_request_end", {"model_usage": used(**counters)}, NOON)


def test_every_model_of_the_client_has_a_price_or_is_named_as_one_without():
    known = {model for kind in (ModelParam, BetaManagedAgentsModelParam) for model in get_args(get_args(kind)[0])}
    assert known - {price.model for price in BUILT_IN} == NOT_LISTED


def test_every_listed_price_says_where_and_when_it_was_read():
    assert all(price.source and price.read_on for price in BUILT_IN)


def test_each_kind_of_token_has_its_rate():
    spent = on(
        DAY,
        "claude-opus-5-5",
        input_tokens=1_000_000,
        output_tokens=1_000_000,
        cache_read_input_tokens=1_000_000,
        cache_creation_input_tokens=1_000_000,
    )
    assert cost_of(spent, BOOK).usd == Decimal("4") + Decimal("20") + Decimal("0.20") + Decimal("5")


def test_an_unknown_model_is_unpriced_and_its_tokens_are_counted():
    cost = cost_of(
        {
            DAY.isoformat(): {
                "llama": used(input_tokens=7, output_tokens=5),
                "claude-opus-5": used(input_tokens=200_000),
            }
        },
        BOOK,
    )
    assert (cost.usd, cost.known_usd, dict(cost.unpriced), cost.unpriced_tokens) == (
        Decimal(1),
        None,
        {"llama": 12},
        12,
    )


def test_a_price_counts_from_its_day_on_and_leaves_the_past_alone():
    own = Price(model="claude-opus-5", valid_from=DAY, rates=TEN)
    book = PriceBook(own={"claude-opus-5": (own,)})
    before, after = (
        cost_of(on(day, "claude-opus-5", input_tokens=1_000_000), book).usd for day in (DAY - timedelta(1), DAY)
    )
    assert (before, after) == (Decimal(5), Decimal(10))


def test_a_listed_price_that_changed_counts_on_its_own_days():
    reads = [
        cost_of(on(day, "claude-sonnet-5-5", cache_read_input_tokens=1_000_000), BOOK).usd
        for day in (date(2020, 1, 1), date(2026, 10, 6), date(2026, 10, 7))
    ]
    assert reads == [Decimal("0.20"), Decimal("0.20"), Decimal("0.10")]


def test_requests_with_long_prompts_have_their_own_rate_where_the_model_has_one():
    short, long = request_end(input_tokens=100_000), request_end(input_tokens=60_000, cache_read_input_tokens=40_001)
    spent = fold([short, long], model="claude-haiku-5-5").spent
    expected = 100_000 * Decimal("0.10") + 60_000 * Decimal("0.50") + 40_001 * Decimal("0.05")
    assert cost_of(spent, BOOK).usd == expected / 1_000_000
    flat = fold([short, long], model="claude-opus-5").spent
    assert cost_of(flat, BOOK).usd == (160_000 * Decimal(5) + 40_001 * Decimal("0.50")) / 1_000_000


def test_running_time_costs_what_an_hour_cost_on_that_day():
    book = PriceBook(runtime=Decimal("1"), runtime_before=((DAY, Decimal("0.08")),))
    spent = {day.isoformat(): {"": {"active_seconds": 1800}} for day in (DAY - timedelta(1), DAY)}
    assert cost_of(spent, book).usd == Decimal("0.04") + Decimal("0.5")
    assert cost_of(spent, book, with_runtime=False).usd == 0


def test_usage_is_kept_by_the_day_on_which_it_arose_and_by_model():
    late = NOON + timedelta(hours=13)
    events = [
        ("session.status_running", {}, NOON),
        request_end(input_tokens=3),
        ("span.model_request_end", {"model_usage": used(output_tokens=2)}, late),
        ("session.status_idle", {"stop_reason": {"type": "end_turn"}}, late),
    ]
    state = fold(events, model="m")
    assert state.spent == {
        "2026-11-12": {"m": used(input_tokens=3)},
        "2026-11-13": {"m": used(output_tokens=2), "": {"active_seconds": 13 * 3600}},
    }
    assert state.usage == used(input_tokens=3, output_tokens=2)


def test_a_turn_under_way_costs_its_time_so_far():
    assert spent_until({}, NOON, NOON + timedelta(seconds=9)) == {"2026-11-12": {"": {"active_seconds": 9}}}
    assert spent_until({}, None, NOON) == {}


def test_searches_that_run_are_counted_and_cost_a_cent_each_unless_they_fail():
    def result(ran, *, is_error=False):
        return ("agent.tool_result", {"is_error": is_error, "_private": {"ran": ran}}, NOON)

    other, refused = ({"is_error": False}, {"is_error": True})
    events = [result("web_search"), result("web_search", is_error=True), result("web_fetch", is_error=True)]
    events += [("agent.tool_result", payload, NOON) for payload in (other, refused)]
    events += [("agent.tool_use", {"name": "web_search", "evaluated_permission": "allow"}, NOON)]
    spent = fold(events, model="m").spent
    shape = usage_shape({}, 0, spent=spent)
    assert shape["server_tool_use"] == {"web_search_requests": 1, "web_fetch_requests": 1}
    assert cost_of(spent, BOOK).usd == Decimal("0.01")
    assert not {"server_tool_use", "list_cost"} & usage_shape({}, 0).keys()


@pytest.mark.parametrize(
    ("usd", "text"), [("0", "0"), ("0.004", "0"), ("0.005", "1"), ("12.345", "1235"), ("25", "2500")]
)
def test_amounts_are_whole_cents_to_the_nearest(usd, text):
    assert cents(Decimal(usd)) == text
    assert monetary_amount(Decimal(usd)) == {"amount": text, "currency": "USD"}
    assert monetary_amount(None) is None
