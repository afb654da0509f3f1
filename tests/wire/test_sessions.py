"""Sessions and their events through the official client."""

import json

import anthropic
import pytest
from django.db import transaction
from django.db.models import F
from django.db.models.signals import post_save

from agents.models import InboxEvent, Session, SessionKind, Thread, Verdict

MESSAGE = {"type": "user.message", "content": [{"type": "text", "text": "Hello"}]}


def image(**source):
    return {"type": "image", "source": source}


def test_a_new_session_freezes_its_agent(wire, agent, environment):
    session = wire.beta.sessions.create(
        agent={"type": "agent", "id": agent.id, "version": 1},
        environment_id=environment.id,
        title="First",
        metadata={"principal": "mia"},
    )
    wire.beta.agents.update(agent.id, system="new")
    found = wire.beta.sessions.retrieve(session.id)
    assert (found.status, found.title, found.metadata) == ("idle", "First", {"principal": "mia"})
    assert (found.agent.version, found.agent.system) == (1, None)
    assert Session.objects.get(pk=session.id).principal == "mia"


def test_initial_events_make_it_run(wire, agent, environment):
    session = wire.beta.sessions.create(agent=agent.id, environment_id=environment.id, initial_events=[MESSAGE])
    assert session.status == "running"
    types = [event.type for event in wire.beta.sessions.events.list(session.id)]
    assert types == ["session.status_running", "session.thread_status_running", "user.message"]


@pytest.mark.django_db(transaction=True)
def test_it_is_returned_running_though_a_worker_was_done_at_once(wire, agent, environment):
    def be_done_after_the_commit(instance, created, **_):
        if created:
            transaction.on_commit(lambda: Session.objects.filter(pk=instance.pk).update(status="idle"))

    post_save.connect(be_done_after_the_commit, sender=Session)
    try:
        session = wire.beta.sessions.create(agent=agent.id, environment_id=environment.id, initial_events=[MESSAGE])
    finally:
        post_save.disconnect(be_done_after_the_commit, sender=Session)
    assert session.status == "running"
    assert Session.objects.get(pk=session.id).status == "idle"


def test_who_asks_after_sending_finds_the_session_running(wire, session):
    sessions = wire.beta.sessions
    assert sessions.retrieve(session.id).status == "idle"
    sessions.events.send(session.id, events=[MESSAGE])
    assert sessions.retrieve(session.id).status == "running"
    Thread.objects.filter(session=session.id).update(seen=F("wake"))
    assert sessions.retrieve(session.id).status == "idle"


def test_a_bad_initial_event_makes_no_session(wire, agent, environment):
    with pytest.raises(anthropic.BadRequestError, match=r"initial_events\.1"):
        wire.beta.sessions.create(
            agent=agent.id, environment_id=environment.id, initial_events=[MESSAGE, {**MESSAGE, "content": []}]
        )
    assert not Session.objects.exists()


def test_a_session_shows_the_stores_that_it_mounts(wire, agent, environment, store):
    session = wire.beta.sessions.create(
        agent=agent.id,
        environment_id=environment.id,
        resources=[{"type": "memory_store", "memory_store_id": store.id, "access": "read_only"}],
    )
    (resource,) = session.resources
    assert (resource.mount_path, resource.access, resource.name) == ("/mnt/memory/field-notes", "read_only", store.name)
    assert [found.id for found in wire.beta.sessions.list(memory_store_id=store.id)] == [session.id]
    assert list(wire.beta.sessions.list(memory_store_id="memstore_x")) == []


@pytest.mark.parametrize(
    ("change", "status", "field"),
    [
        ({"agent": "agent_x"}, 404, "Agent 'agent_x'"),
        ({"environment_id": "env_x"}, 404, "Environment 'env_x'"),
        ({"resources": [{"type": "memory_store", "memory_store_id": "memstore_x"}]}, 404, "resources.0: Memory store"),
        ({"resources": [{"type": "file", "file_id": "file_x"}]}, 404, "resources.0: File 'file_x'"),
        ({"vault_ids": ["vlt_x"]}, 404, "Vault 'vlt_x'"),
        ({"budget": {"type": "limit", "max_list_cost": {"amount": "0", "currency": "USD"}}}, 400, "budget"),
        ({"title": "x" * 513}, 400, "title"),
        ({"metadata": {"": "x"}}, 400, "metadata"),
        ({"initial_events": [{"type": "user.interrupt"}]}, 400, "initial_events.0"),
        ({"agent": {"type": "agent", "id": "agent_x", "version": "1"}}, 400, "agent.version"),
        ({"agent": {"type": "agent", "id": "AGENT", "version": 0}}, 400, "agent.version: it must be at least 1"),
        ({"agent": {"type": "robot", "id": "agent_x"}}, 400, "agent.type"),
        ({"agent": {"id": "agent_x"}}, 400, "agent.type: Field required"),
        ({"initial_events": [MESSAGE] * 51}, 400, "initial_events"),
        ({"more": 1}, 400, "more"),
    ],
)
def test_a_session_that_cannot_be_made_says_why(wire, agent, environment, change, status, field):
    body = {"agent": agent.id, "environment_id": environment.id, **change}
    body = json.loads(json.dumps(body).replace("AGENT", agent.id))
    with pytest.raises(anthropic.APIStatusError) as refusal:
        wire.beta.sessions.create(agent="", environment_id="", extra_body=body)
    assert refusal.value.status_code == status
    assert refusal.value.body["error"]["message"].startswith(field)
    assert not Session.objects.exists()


def test_an_archived_agent_starts_no_session(wire, agent, environment):
    wire.beta.agents.archive(agent.id)
    with pytest.raises(anthropic.BadRequestError, match="archived"):
        wire.beta.sessions.create(agent=agent.id, environment_id=environment.id)


def test_the_list_pages_both_ways(wire, agent, environment):
    made = [wire.beta.sessions.create(agent=agent.id, environment_id=environment.id).id for _ in range(5)]
    newest_first = made[::-1]
    first = wire.beta.sessions.list(limit=2)
    second = wire.beta.sessions.list(limit=2, page=first.next_page)
    third = wire.beta.sessions.list(limit=2, page=second.next_page)
    assert [session.id for page in (first, second, third) for session in page.data] == newest_first
    assert (first.prev_page, third.next_page) == (None, None)
    back = wire.beta.sessions.list(limit=2, page=third.prev_page)
    assert [session.id for session in back.data] == newest_first[2:4]
    home = wire.beta.sessions.list(limit=2, page=back.prev_page)
    assert [session.id for session in home.data] == newest_first[:2]
    assert home.prev_page is None
    assert [session.id for session in wire.beta.sessions.list(order="asc", limit=2)] == made
    with pytest.raises(anthropic.BadRequestError, match="another order"):
        wire.beta.sessions.list(order="asc", page=first.next_page)


def test_the_list_filters(wire, agent, environment, session):
    other = wire.beta.agents.create(name="Bea", model="m")
    assert [found.id for found in wire.beta.sessions.list(agent_id=agent.id, agent_version=1)] == [session.id]
    assert list(wire.beta.sessions.list(agent_id=other.id)) == []
    assert [found.id for found in wire.beta.sessions.list(statuses=["idle", "running"])] == [session.id]
    assert list(wire.beta.sessions.list(statuses=["terminated"])) == []
    assert list(wire.beta.sessions.list(deployment_id="depl_x")) == []
    assert list(wire.beta.sessions.list(created_at_gt=session.created_at)) == []
    alone = wire.beta.sessions.list(agent_version=7)  # it applies with agent_id only
    assert [found.id for found in alone] == [session.id]


def test_a_session_whose_message_waits_is_running_in_every_answer(wire, agent, environment):
    """No worker is there to take the messages in."""
    made = [wire.beta.sessions.create(agent=agent.id, environment_id=environment.id).id for _ in range(6)]
    for session_id in made[1:5:3]:
        wire.beta.sessions.events.send(session_id, events=[MESSAGE])
    Session.objects.filter(pk=made[2]).update(status="running")
    Session.objects.filter(pk=made[3]).update(status="rescheduling")
    Thread.objects.filter(session=made[3]).update(wake=5)

    def listed(*statuses, **options):
        rows = list(wire.beta.sessions.list(statuses=list(statuses), limit=2, **options))
        assert {row.status for row in rows} <= set(statuses)
        return [made.index(row.id) for row in rows]

    assert [wire.beta.sessions.retrieve(made[at]).status for at in (0, 1, 3)] == ["idle", "running", "rescheduling"]
    assert wire.beta.sessions.update(made[1], title="Waits").status == "running"
    assert listed("running") == [4, 2, 1]
    assert listed("running", order="asc") == [1, 2, 4]
    assert listed("idle") == [5, 0]
    assert listed("idle", "rescheduling") == [5, 3, 0]
    assert listed("running", "rescheduling") == [4, 3, 2, 1]
    assert listed("idle", "running") == [5, 4, 2, 1, 0]
    assert listed("running", agent_id="agent_x") == []
    first = wire.beta.sessions.list(statuses=["running"], limit=2)
    last = wire.beta.sessions.list(statuses=["running"], limit=2, page=first.next_page)
    back = wire.beta.sessions.list(statuses=["running"], limit=2, page=last.prev_page)
    assert [row.id for row in back.data] == [row.id for row in first.data]


def test_very_many_waiting_sessions_are_not_named_one_by_one(wire, agent, environment, monkeypatch):
    monkeypatch.setattr("agents.api.sessions.WAITING_MAX", 1)
    made = [wire.beta.sessions.create(agent=agent.id, environment_id=environment.id).id for _ in range(3)]
    for session_id in made[:2]:
        wire.beta.sessions.events.send(session_id, events=[MESSAGE])
    assert [row.id for row in wire.beta.sessions.list(statuses=["running"])] == made[1::-1]
    assert [row.id for row in wire.beta.sessions.list(statuses=["idle"])] == made[2:]


def test_the_lists_bounds_are_kept_on_every_page(wire, agent, environment):
    made = [wire.beta.sessions.create(agent=agent.id, environment_id=environment.id) for _ in range(4)]
    first, second, third, _ = made
    sessions = wire.beta.sessions

    def found(**bounds):
        return [made.index(next(one for one in made if one.id == row.id)) for row in sessions.list(limit=1, **bounds)]

    assert found(created_at_gt=second.created_at) == [3, 2]
    assert found(created_at_gte=second.created_at, order="asc") == [1, 2, 3]
    assert found(created_at_lt=third.created_at) == [1, 0]
    assert found(created_at_lte=third.created_at, created_at_gt=first.created_at) == [2, 1]
    page = sessions.list(limit=2)
    with pytest.raises(anthropic.BadRequestError, match="cursor"):
        sessions.list(page=page.next_page, created_at_gt=third.created_at)
    with pytest.raises(anthropic.BadRequestError, match="cursor"):
        sessions.list(page=page.next_page, created_at_lt=second.created_at)


def test_a_cursor_goes_on_under_other_filters_and_another_limit(wire, agent, environment):
    made = [wire.beta.sessions.create(agent=agent.id, environment_id=environment.id).id for _ in range(4)]
    wire.beta.sessions.archive(made[1])
    page = wire.beta.sessions.list(limit=1, agent_id=agent.id, statuses=["idle"])
    rest = wire.beta.sessions.list(page=page.next_page, limit=5, include_archived=True)
    assert [session.id for session in rest.data] == made[2::-1]


@pytest.mark.parametrize(
    "query",
    ["order=sideways", "limit=0", "limit=101", "agent_id=x&agent_version=0", "statuses[]=asleep", "page=page_x"],
)
def test_a_bad_filter_is_refused_by_its_name(call, query):
    response = call("GET", f"sessions?{query}")
    name = query.split("&")[-1].split("=")[0].removesuffix("[]")
    assert (response.status_code, response.json()["error"]["message"].split(":")[0]) == (400, name)


@pytest.mark.parametrize("spelling", ["statuses[]=idle&statuses[]=running", "statuses=idle&statuses=running"])
def test_arrays_are_understood_in_every_spelling(call, session, spelling):
    for query in (spelling, "statuses=idle,running"):
        assert [row["id"] for row in call("GET", f"sessions?{query}").json()["data"]] == [session.id]


def test_a_dreams_trace_is_retrieved_by_id_and_listed_nowhere(wire, session):
    Session.objects.filter(pk=session.id).update(kind=SessionKind.DREAM)
    assert wire.beta.sessions.retrieve(session.id).id == session.id
    assert list(wire.beta.sessions.list()) == []


def test_an_archived_session_is_over_and_stays_readable(wire, session):
    archived = wire.beta.sessions.archive(session.id)
    again = wire.beta.sessions.archive(session.id)
    assert (archived.status, again.archived_at, again.updated_at) == (
        "terminated",
        archived.archived_at,
        archived.updated_at,
    )
    assert list(wire.beta.sessions.list()) == []
    assert [found.id for found in wire.beta.sessions.list(include_archived=True)] == [session.id]
    assert wire.beta.sessions.events.list(session.id).data[-1].type == "session.status_terminated"
    with pytest.raises(anthropic.BadRequestError, match="is archived"):
        wire.beta.sessions.events.send(session.id, events=[MESSAGE])


def test_sent_events_come_back_queued_in_order(wire, session):
    sent = wire.beta.sessions.events.send(session.id, events=[MESSAGE, MESSAGE])
    assert [event.processed_at for event in sent.data] == [None, None]
    listed = wire.beta.sessions.events.list(session.id)
    assert [event.id for event in listed] == [event.id for event in sent.data]


def test_events_page_forwards_and_backwards_over_log_and_inbox(wire, agent, environment):
    session = wire.beta.sessions.create(agent=agent.id, environment_id=environment.id, initial_events=[MESSAGE])
    wire.beta.sessions.events.send(session.id, events=[MESSAGE, MESSAGE])
    everything = [event.id for event in wire.beta.sessions.events.list(session.id)]
    assert len(everything) == 5
    assert [event.id for event in wire.beta.sessions.events.list(session.id, limit=2)] == everything
    assert [event.id for event in wire.beta.sessions.events.list(session.id, limit=2, order="desc")] == everything[::-1]
    only = wire.beta.sessions.events.list(session.id, types=["user.message"])
    assert [event.id for event in only] == everything[2:]
    assert list(wire.beta.sessions.events.list(session.id, created_at_gt="2100-01-01T00:00:00Z")) == []


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_a_cursor_of_events_outside_the_bounds_is_refused(wire, session, order):
    for title in "abc":
        wire.beta.sessions.update(session.id, title=title)
    events = wire.beta.sessions.events
    page = events.list(session.id, order=order, limit=2)
    edge = page.data[-1].processed_at
    inside = {"created_at_gte" if order == "asc" else "created_at_lte": edge}
    (last,) = events.list(session.id, order=order, page=page.next_page, **inside)
    assert last.title == ("c" if order == "asc" else "a")
    for bound in ({"created_at_gt": edge}, {"created_at_lt": edge}, {"created_at_gte": "2100-01-01T00:00:00Z"}):
        with pytest.raises(anthropic.BadRequestError, match="outside created_at"):
            events.list(session.id, order=order, page=page.next_page, **bound)


@pytest.mark.parametrize(
    ("events", "field"),
    [
        ([], "events"),
        ([{"type": "user.sing"}], "events.0"),
        ([MESSAGE, {**MESSAGE, "content": [{"type": "text", "text": 5}]}], "events.1.content.0.text"),
        ([{**MESSAGE, "content": [{"type": "text", "text": " "}]}], "events.0.content.0.text"),
        ([{**MESSAGE, "content": [{"type": "redacted"}]}], "events.0.content.0"),
        ([MESSAGE, {"type": "user.tool_confirmation", "tool_use_id": "x", "result": "allow"}], "events.1.tool_use_id"),
        (
            [{**MESSAGE, "content": [image(type="base64", media_type="image/png", data="no!")]}],
            "events.0.content.0.source",
        ),
        (
            [{**MESSAGE, "content": [image(type="base64", media_type="image/png", data="")]}],
            "events.0.content.0.source",
        ),
        ([{**MESSAGE, "content": [image(type="url", url="javascript:x")]}], "events.0.content.0.source.url"),
        ([{**MESSAGE, "id": "sevt_x"}], "events.0.id"),
    ],
)
def test_one_bad_event_refuses_the_batch(wire, session, events, field):
    with pytest.raises(anthropic.BadRequestError) as refusal:
        wire.beta.sessions.events.send(session.id, events=events)
    assert refusal.value.body["error"]["message"].startswith(field)
    assert not InboxEvent.objects.exists()


def test_an_unknown_event_type_in_a_filter_is_refused(call, session):
    response = call("GET", f"sessions/{session.id}/events?types[]=user.sing")
    assert (response.status_code, "user.sing" in response.json()["error"]["message"]) == (400, True)


def test_a_verdict_is_recorded_and_the_latest_counts(call, session):
    assert call("POST", f"sessions/{session.id}/verdict", json.dumps({"result": "failed"})).status_code == 200
    answer = call(
        "POST", f"sessions/{session.id}/verdict", json.dumps({"result": "completed", "explanation": "All files match."})
    ).json()
    assert (answer["result"], answer["source"], answer["explanation"]) == ("completed", "checker", "All files match.")
    assert Session.objects.get(pk=session.id).verdict == "completed"
    assert Verdict.objects.count() == 2


def test_a_verdict_is_completed_or_failed(call, session):
    response = call("POST", f"sessions/{session.id}/verdict", json.dumps({"result": "great"}))
    assert response.status_code == 400
    assert response.json()["error"]["message"].startswith("result: ")


CHAT = {
    "messages": [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello"},
    ],
    "reward": 1.0,
}


def test_transcripts_are_imported_once_and_bad_ones_are_named(wire, call):
    body = json.dumps({"agent": "Old hand", "transcripts": [CHAT, {"messages": 5}]})
    first = call("POST", "sessions/import", body).json()
    again = call("POST", "sessions/import", body).json()
    assert (len(first["session_ids"]), first["existing"], [bad["line"] for bad in first["problems"]]) == (1, 0, [2])
    assert (again["session_ids"], again["existing"]) == ([], 1)
    (session,) = wire.beta.sessions.list()
    assert (session.status, session.agent.name) == ("idle", "Old hand")
    assert "agent.message" in [event.type for event in wire.beta.sessions.events.list(session.id)]


def test_the_agent_of_an_import_goes_by_its_id_too(wire, call, agent):
    report = call("POST", "sessions/import", json.dumps({"agent": agent.id, "transcripts": [CHAT]})).json()
    assert wire.beta.sessions.retrieve(report["session_ids"][0]).agent.id == agent.id
    assert [found.id for found in wire.beta.agents.list()] == [agent.id]
    for wrong in ("", "x" * 257):
        refused = call("POST", "sessions/import", json.dumps({"agent": wrong, "transcripts": [CHAT]}))
        assert (refused.status_code, refused.json()["error"]["message"][:6]) == (400, "agent:")


def test_json_lines_are_imported_with_the_agents_name_in_the_query(call):
    lines = f"{json.dumps(CHAT)}\nnot json\n"
    report = call("POST", "sessions/import?agent=Old", lines, content_type="application/jsonl").json()
    assert (len(report["session_ids"]), report["problems"][0]["line"]) == (1, 2)
    assert call("POST", "sessions/import", lines, content_type="application/jsonl").status_code == 400
