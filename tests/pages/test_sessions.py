"""Sessions: the list, the trace and its anchors, untrusted text, the composer, a person's verdict."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from agents import plugs
from agents.actors import Actor
from agents.models import Event, InboxEvent, Member, Session, SessionKind, Thread
from agents.views.event_words import error_words
from agents.views.trace import Lanes, lanes_of, render_event
from tests.pages.reviews import make_session


@pytest.fixture
def session(actor: Actor) -> Session:
    return make_session(actor)


@pytest.fixture
def open_session(session: Session) -> Session:
    Session.objects.filter(pk=session.pk).update(kind=SessionKind.AGENT)
    return session


def test_the_list_shows_verdict_and_principal(as_bob: Client, session: Session) -> None:
    page = as_bob.get("/sessions/").content.decode()
    assert session.pk in page
    assert "completed" in page
    assert "ann" in page


def test_the_list_is_filtered_by_verdict(as_bob: Client, session: Session) -> None:
    assert "No session fits" in as_bob.get("/sessions/", {"verdict": "failed"}).content.decode()


def test_every_event_has_its_anchor(as_bob: Client, session: Session) -> None:
    page = as_bob.get(f"/sessions/{session.pk}/").content.decode()
    assert [f'id="{name}"' in page for name in ("sevt_ask", "sevt_call", "sevt_error", "sevt_said")] == [True] * 4


def test_what_a_model_or_a_tool_said_is_never_markup(as_bob: Client, session: Session) -> None:
    page = as_bob.get(f"/sessions/{session.pk}/").content.decode()
    assert "<script>x" not in page
    assert "&lt;script&gt;x&lt;/script&gt;" in page
    assert "zorp: bad header &lt;b&gt;" in page


def test_a_failed_call_is_open(as_bob: Client, session: Session) -> None:
    assert '<details class="call" open>' in as_bob.get(f"/sessions/{session.pk}/").content.decode()


def test_a_record_takes_no_message(as_alice: Client, session: Session) -> None:
    assert "/send/" not in as_alice.get(f"/sessions/{session.pk}/").content.decode()


def test_a_message_goes_into_the_inbox_of_the_session(as_alice: Client, open_session: Session) -> None:
    response = as_alice.post(f"/sessions/{open_session.pk}/send/", {"text": "Go on."})
    assert response.status_code == 303
    assert InboxEvent.objects.get(session=open_session).payload["content"][0]["text"] == "Go on."


def test_with_htmx_the_composer_comes_back_empty(as_alice: Client, open_session: Session) -> None:
    headers = {"HX-Request": "true", "HX-Target": "composer"}
    response = as_alice.post(f"/sessions/{open_session.pk}/send/", {"text": "Go on."}, headers=headers)
    assert response.content.decode().lstrip().startswith('<form class="composer"')
    assert "Go on." not in response.content.decode()


def test_an_empty_message_is_refused(as_alice: Client, open_session: Session) -> None:
    headers = {"HX-Request": "true", "HX-Target": "composer"}
    response = as_alice.post(f"/sessions/{open_session.pk}/send/", {"text": " "}, headers=headers)
    assert response.status_code == 422
    assert "Write a message first." in response.content.decode()


def test_a_viewer_may_not_send(as_bob: Client, open_session: Session) -> None:
    assert as_bob.post(f"/sessions/{open_session.pk}/send/", {"text": "Hi"}).status_code == 403


def test_a_person_may_correct_the_verdict(as_rita: Client, session: Session) -> None:
    as_rita.post(f"/sessions/{session.pk}/verdict/", {"result": "failed"})
    session.refresh_from_db()
    assert session.verdict == "failed"
    assert "said by person" in as_rita.get(f"/sessions/{session.pk}/").content.decode()


def test_a_long_log_opens_where_the_link_points(as_bob: Client, session: Session) -> None:
    thread = Thread.objects.get(session=session)
    first = session.events.order_by("-seq").values_list("seq", flat=True)[0] + 1
    when = session.events.order_by("seq")[0].processed_at
    Event.objects.bulk_create(
        Event(session=session, thread=thread, seq=first + i, event_id=f"sevt_more{i}", type="agent.message",
              payload={"content": [{"type": "text", "text": f"word {i}"}]}, processed_at=when)
        for i in range(400)
    )  # fmt: skip
    Session.objects.filter(pk=session.pk).update(next_seq=first + 400)
    end = as_bob.get(f"/sessions/{session.pk}/").content.decode()
    linked = as_bob.get(f"/sessions/{session.pk}/", {"event": "sevt_more20"}).content.decode()
    assert ('id="sevt_more399"' in end, 'id="sevt_more20"' in end) == (True, False)
    assert ('id="sevt_more399"' in linked, 'id="sevt_more20"' in linked) == (False, True)
    assert "Later events" in linked


def test_a_stranger_finds_no_session(as_charlie: Client, session: Session) -> None:
    assert as_charlie.get(f"/sessions/{session.pk}/").status_code == 404


def test_one_event_renders_alone_as_the_stream_sends_it(session: Session) -> None:
    row = lanes_of(session.pk).row(
        thread_id="sthr_x", seq=9, event={"id": "sevt_1", "type": "agent.message", "content": [], "processed_at": None}
    )
    html = render_event(row)
    assert html.startswith("<article")
    assert 'id="sevt_1"' in html


def test_bookkeeping_and_repeated_calls_of_children_are_left_out() -> None:
    lanes = Lanes("sthr_main", {"sthr_main": "Lead"})
    usage = {"id": "sevt_1", "type": "session.usage", "processed_at": None}
    copy = {"id": "sevt_2", "type": "agent.tool_use", "name": "bash", "input": {}, "session_thread_id": "sthr_child"}
    rows = [lanes.row(thread_id="sthr_main", seq=1, event=event) for event in (usage, copy)]
    assert [render_event(row) for row in rows] == ["", ""]


def test_a_child_thread_is_named_once_it_is_opened() -> None:
    lanes = Lanes("sthr_main", {})
    opened = {"id": "e1", "type": "session.thread_created", "session_thread_id": "sthr_c", "agent_name": "Helper"}
    lanes.row(thread_id="sthr_main", seq=1, event=opened)
    said = {"id": "e2", "type": "agent.message", "content": [{"type": "text", "text": "Found it."}]}
    html = render_event(lanes.row(thread_id="sthr_c", seq=2, event=said))
    assert "is-child" in html
    assert "Helper" in html


@pytest.fixture
def no_sandbox(settings: Any, tmp_path: Path) -> Iterator[None]:
    """A machine where no sandbox host runs."""
    settings.LUCID_SANDBOX_SOCKET = str(tmp_path / "none")
    plugs.sandbox.cache_clear()
    cache.clear()
    yield
    plugs.sandbox.cache_clear()
    cache.clear()


def test_the_page_says_why_tools_are_off_and_how_to_mend_it(
    as_bob: Client, open_session: Session, no_sandbox: None
) -> None:
    page = as_bob.get(f"/sessions/{open_session.pk}/").content.decode()
    assert "Tools are off:" in page
    assert "manage.py up" in page


def test_evidence_leads_back_to_its_proposal(as_bob: Client, session: Session) -> None:
    assert "/proposals/prop_1/" in as_bob.get(f"/sessions/{session.pk}/", {"proposal": "prop_1"}).content.decode()
    assert "Back to" not in as_bob.get(f"/sessions/{session.pk}/", {"proposal": "//evil"}).content.decode()


def test_what_is_finished_hides_the_composer_behind_a_line(as_alice: Client, open_session: Session) -> None:
    fold = "Send it another message"
    assert fold in as_alice.get(f"/sessions/{open_session.pk}/").content.decode()
    Session.objects.filter(pk=open_session.pk).update(verdict=None)
    page = as_alice.get(f"/sessions/{open_session.pk}/").content.decode()
    assert (fold in page, 'class="composer"' in page) == (False, True)


@pytest.mark.parametrize(
    ("view", "shown", "hidden"),
    [
        ("story", ["Sum the column.", "Ran zorp data.kel", "That failed: zorp: bad header"], ["<pre>"]),
        ("transcript", ["Sum the column.", "zorp data.kel", 'id="sevt_error"'], ["That failed"]),
        ("tools", ["zorp data.kel", 'id="sevt_error"'], ["Sum the column."]),
        ("events", ["agent.tool_use", "sevt_call", "&quot;processed_at&quot;"], ["That failed"]),
        ("no-such-view", ["Sum the column.", "zorp data.kel"], ["That failed"]),
    ],
)
def test_a_log_can_be_read_in_several_ways(
    as_bob: Client, session: Session, view: str, shown: list[str], hidden: list[str]
) -> None:
    page = as_bob.get(f"/sessions/{session.pk}/", {"view": view}).content.decode()
    log = page[page.index('id="timeline"') : page.index('class="at-hand"')]
    assert [text in log for text in shown] == [True] * len(shown)
    assert [text in log for text in hidden] == [False] * len(hidden)


def test_people_and_keys_go_by_their_names(as_bob: Client, alice: Member, session: Session) -> None:
    Session.objects.filter(pk=session.pk).update(principal=alice.pk)
    assert ">alice</b>" in as_bob.get(f"/sessions/{session.pk}/").content.decode()
    assert "alice" in as_bob.get("/sessions/").content.decode()


def test_an_error_says_what_happens_next() -> None:
    lost = {"type": "mcp_connection_failed_error", "message": "No answer.", "mcp_server_name": "tickets"}
    busy = {"type": "model_overloaded_error", "message": "Overloaded.", "retry_status": {"type": "retrying"}}
    assert error_words(lost) == "tickets: No answer. The session goes on without this server."
    assert error_words(busy) == "Overloaded. It tries again by itself."
