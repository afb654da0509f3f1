"""The audit log as a page: who did what, narrowed, page by page, and as a file."""

import csv
import html
import re
from io import StringIO

import pytest
from django.conf import settings
from django.core.cache import cache
from django.test import Client

from agents import audit
from agents.actors import Actor
from agents.forms.audit import KINDS_OF_ACTION
from agents.limits import SIGN_IN_FAILURES_MAX
from agents.models import AuditEvent
from agents.services.agents import create_agent
from agents.views.audit import PAGE_SIZE
from dreams import reviewing
from memory.services import create_memory, update_store
from tests.conftest import PASSWORD
from tests.pages.reviews import make_proposal, make_store, seen


def actions(**filters):
    return list(AuditEvent.objects.filter(**filters).order_by("created_at", "pk").values_list("action", flat=True))


def lines(response):
    return list(csv.reader(StringIO(b"".join(response.streaming_content).decode())))


def test_a_decision_stands_there_with_its_reason_and_leads_to_the_proposal(as_rita, actor):
    proposal = make_proposal(actor, make_store(actor))
    as_rita.post(
        f"/proposals/{proposal.pk}/reject/", {**seen(proposal), "reason_code": "other", "reason": "=HYPERLINK(1)"}
    )
    page = as_rita.get(f"/audit/?q={proposal.pk}").content.decode()
    assert "proposal rejected" in page
    assert "=HYPERLINK(1)" in page
    assert f'href="/proposals/{proposal.pk}/"' in page
    assert "rita" in page
    (_, row) = lines(as_rita.get(f"/audit/export/?q={proposal.pk}"))
    assert row[-1] == "'=HYPERLINK(1)"


def test_an_approval_is_told_as_decided_and_as_applied_and_once(actor, rita):
    proposal = make_proposal(actor, make_store(actor))
    reviewing.approve_proposal(proposal, actor=Actor.of_member(rita))
    told = AuditEvent.objects.filter(actor_id=rita.pk).order_by("created_at", "pk")
    assert [event.action for event in told] == ["proposal.approved", "proposal.applied"]
    assert {event.actor_name for event in told} == {"rita"}


def test_what_people_do_to_memory_is_told(actor):
    store = make_store(actor)
    memory = create_memory(store, path="/x", content="a private text", actor=actor)
    update_store(store, {"description": "d"}, actor=actor)
    assert actions(object_id=memory.pk) == ["memory.created"]
    assert "memory_store.updated" in actions(object_id=store.pk)
    assert "a private text" not in str(AuditEvent.objects.values())


def test_it_is_narrowed_by_who_what_and_when(as_alice, actor):
    create_agent({"name": "Ann", "model": "m"}, actor=actor)
    audit.record(actor, "agent.archived", "agent_x", name="Bea")
    assert "Bea" in as_alice.get("/audit/?action=agent").content.decode()
    assert "Bea" not in as_alice.get("/audit/?action=agent.created").content.decode()
    assert "Nothing fits" in as_alice.get("/audit/?action=session").content.decode()
    assert "Nothing fits" in as_alice.get("/audit/?actor=platform&q=Bea").content.decode()
    assert "Nothing fits" in as_alice.get("/audit/?since=9999-12-31").content.decode()
    assert "Bea" in as_alice.get("/audit/?until=9999-12-31&since=0001-01-01").content.decode()


def test_a_long_log_is_read_page_by_page_and_exported_whole(as_alice, actor):
    for number in range(PAGE_SIZE + 5):
        audit.record(actor, "agent.updated", f"agent_{number}")
    first = as_alice.get("/audit/?action=agent").content.decode()
    assert first.count("<tr data-row>") == PAGE_SIZE
    more = html.unescape(re.search(r'href="(\?[^"]*after=[^"]*)"', first)[1])
    AuditEvent.objects.filter(pk=AuditEvent.objects.order_by("-created_at", "-pk")[PAGE_SIZE - 1].pk).delete()
    second = as_alice.get(f"/audit/{more}").content.decode()
    assert second.count("<tr data-row>") == 5
    assert len(lines(as_alice.get("/audit/export/?action=agent"))) == PAGE_SIZE + 5


def test_nothing_of_another_workspace_is_in_it(as_charlie, actor):
    create_agent({"name": "Our own agent", "model": "m"}, actor=actor)
    assert "Our own agent" not in as_charlie.get("/audit/").content.decode()
    assert "Our own agent" not in str(lines(as_charlie.get("/audit/export/")))


def test_who_signs_in_and_who_fails_to_is_told(alice):
    cache.clear()
    for number in range(SIGN_IN_FAILURES_MAX + 3):
        Client().post("/login/", {"username": "alice", "password": f"guess {number}"})
    cache.clear()
    Client().post("/login/", {"username": "alice", "password": PASSWORD})
    Client().post("/login/", {"username": "nobody", "password": PASSWORD})
    failed = AuditEvent.objects.filter(action="member.sign_in_failed")
    assert failed.count() == SIGN_IN_FAILURES_MAX
    assert {event.actor_name for event in failed} == {"Lucid"}
    assert AuditEvent.objects.get(action="member.signed_in").actor_name == "alice"


def test_the_filter_knows_every_kind_of_action_that_any_verb_records():
    recorded = set()
    for app in ("agents", "memory", "outcomes", "dreams"):
        for path in (settings.BASE_DIR / app).rglob("*.py"):
            recorded |= set(re.findall(r'\brecord\([^"]*?"([a-z_]+)\.', path.read_text()))
    assert recorded - set(KINDS_OF_ACTION) == set()
    assert len(recorded) > 10


def test_no_line_is_ever_changed_or_deleted(actor):
    audit.record(actor, "agent.updated", "agent_x")
    event = AuditEvent.objects.get(object_id="agent_x")
    with pytest.raises(TypeError):
        event.save()
    with pytest.raises(TypeError):
        event.delete()
