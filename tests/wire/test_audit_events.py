"""The audit log through the API: what every verb leaves there, filters, pages, and whose it is."""

from datetime import timedelta
from urllib.parse import quote

import pytest
import time_machine
from django.utils import timezone

from agents import audit
from agents.models import AuditEvent

MESSAGE = {"type": "user.message", "content": [{"type": "text", "text": "a secret of mine"}]}


def events(call, query=""):
    return call("GET", f"audit_events?{query}").json()["data"]


def test_what_a_program_does_is_told_with_its_name(wire, call, api_key):
    agent = wire.beta.agents.create(name="Ann", model="m")
    wire.beta.agents.update(agent.id, version=1, system="Be kind.")
    wire.beta.agents.archive(agent.id)
    archived, updated, created = events(call, f"object_id={agent.id}")
    assert [event["action"] for event in (created, updated, archived)] == [
        "agent.created",
        "agent.updated",
        "agent.archived",
    ]
    assert created["actor"]["type"] == "api_actor"
    assert created["actor"]["name"] == "test key"
    assert created["actor"]["id"].startswith("apikey_")
    assert (updated["object_name"], updated["detail"]) == ("Ann", "version 2: system")
    assert created["id"].startswith("audit_")


def test_a_call_that_changes_nothing_leaves_nothing(wire, call, agent):
    before = AuditEvent.objects.count()
    wire.beta.agents.update(agent.id, version=1, name="Ann")
    wire.beta.agents.retrieve(agent.id)
    assert AuditEvent.objects.count() == before


def test_the_life_of_a_session_is_told_and_no_word_of_what_was_said(wire, call, session):
    wire.beta.sessions.update(session.id, title="Later")
    call("POST", f"sessions/{session.id}/verdict", '{"result": "completed"}')
    call("POST", f"sessions/{session.id}/escalate")
    wire.beta.sessions.events.send(session.id, events=[MESSAGE, {"type": "user.interrupt"}])
    told = [event["action"] for event in events(call, f"object_id={session.id}&order=asc")]
    expected = ["created", "updated", "judged", "escalated", "interrupted"]
    assert told == [f"session.{verb}" for verb in expected]
    assert "secret of mine" not in call("GET", "audit_events").content.decode()


def test_filters_narrow_it(wire, call, agent, environment):
    assert {event["action"] for event in events(call, "action=agent.created")} == {"agent.created"}
    who = events(call)[0]["actor"]["id"]
    assert {event["object_id"] for event in events(call, f"actor_id={who}")} == {agent.id, environment.id}
    assert events(call, "actor_id=user_nobody") == []


def test_time_bounds_and_pages_hold_in_both_orders(actor, call):
    start = timezone.now()
    for hour in range(5):
        with time_machine.travel(start + timedelta(hours=hour), tick=False):
            audit.record(actor, "agent.updated", f"agent_{hour}")
    since = quote((start + timedelta(hours=1)).isoformat())
    query = f"action=agent.updated&order=asc&limit=2&created_at[gte]={since}"
    first = call("GET", f"audit_events?{query}").json()
    second = call("GET", f"audit_events?{query}&page={first['next_page']}").json()
    assert [row["object_id"] for row in (*first["data"], *second["data"])] == [f"agent_{hour}" for hour in (1, 2, 3, 4)]
    assert second["next_page"] is None


@pytest.mark.parametrize("query", ["order=up", "limit=0", "created_at[gte]=yesterday", "page=page_x"])
def test_a_query_that_makes_no_sense_is_refused(call, query):
    assert call("GET", f"audit_events?{query}").status_code == 400


def test_it_takes_no_change(call):
    assert call("POST", "audit_events", "{}").status_code == 405


def test_another_workspace_sees_nothing_of_it(call, stranger_key, agent):
    from tests.wire.conftest import Caller

    assert events(Caller(stranger_key), f"object_id={agent.id}") == []
