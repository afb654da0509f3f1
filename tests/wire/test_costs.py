"""What a workspace spent, as a program asks for it."""

import pytest

from agents.models import Session, SessionKind
from tests.wire.conftest import Caller

USED = {"input_tokens": 1_000_000, "output_tokens": 0, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}


@pytest.fixture
def spent(session):
    spent = {"2026-11-01": {"claude-opus-5": USED, "": {"active_seconds": 3600}}, "2026-11-02": {"llama-9": USED}}
    Session.objects.filter(pk=session.id).update(spent=spent)
    return session


def rows(call, query=""):
    return call("GET", f"costs?{query}").json()["data"]


def test_one_sum_says_what_it_lacks(call, spent):
    (row,) = rows(call)
    assert row["list_cost"] is None
    assert row["priced_list_cost"] == {"amount": "508", "currency": "USD"}
    assert (row["unpriced_tokens"], row["tokens"], row["sessions"]) == (1_000_000, 2_000_000, 1)


def test_sums_are_grouped_by_what_is_asked(call, spent):
    found = rows(call, "group_by[]=day&group_by[]=model")
    told = [(row["day"], row["model"], (row["list_cost"] or {}).get("amount")) for row in found]
    assert told == [("2026-11-01", None, "8"), ("2026-11-01", "claude-opus-5", "500"), ("2026-11-02", "llama-9", None)]
    assert [row["agent_id"] for row in rows(call, "group_by=agent_id")] == [spent.agent.id]


def test_dreams_are_a_kind_of_their_own(call, spent):
    Session.objects.filter(pk=spent.id).update(kind=SessionKind.DREAM)
    (row,) = rows(call, "group_by=kind,agent_id")
    assert (row["kind"], row["agent_id"]) == ("dream", None)


def test_bounds_are_of_the_sessions_creation(call, spent):
    assert rows(call, "created_at[gte]=2999-01-01") == []
    assert len(rows(call, "created_at[lt]=2999-01-01")) == 1
    for wrong in ("created_at[gt]=soon", "group_by=colour"):
        assert call("GET", f"costs?{wrong}").status_code == 400


def test_the_report_says_what_it_is(call, spent):
    report = call("GET", "costs?group_by=day").json()
    assert (report["type"], report["currency"], report["group_by"]) == ("cost_report", "USD", ["day"])


def test_a_stranger_gets_nothing_of_ours(spent, stranger_key):
    assert rows(Caller(stranger_key)) == []
