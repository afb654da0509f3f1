"""A session that waits, from its page: allow or deny a call, answer a custom one, interrupt a turn."""

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from agents.actors import Actor
from agents.models import Event, InboxEvent, Session, SessionKind, Thread
from tests.pages.reviews import make_session

pytestmark = pytest.mark.usefixtures("clean_redis")


@pytest.fixture
def waiting(actor: Actor) -> Session:
    """Rests for a call that asks and for a custom one."""
    session = make_session(actor)
    thread = Thread.objects.get(session=session)
    asked = {"name": "bash", "input": {"command": "rm notes"}, "evaluated_permission": "ask"}
    custom = {"name": "find_order", "input": {"order": "A1"}}
    for event_id, kind, payload in (
        ("sevt_ask1", "agent.tool_use", asked),
        ("sevt_own1", "agent.custom_tool_use", custom),
    ):
        seq = session.next_seq
        Event.objects.create(
            session=session, thread=thread, seq=seq, event_id=event_id, type=kind, payload=payload,
            processed_at=timezone.now(),
        )  # fmt: skip
        session.next_seq = seq + 1
    session.kind = SessionKind.AGENT
    session.verdict = None
    session.stop_reason = {"type": "requires_action", "event_ids": ["sevt_ask1", "sevt_own1"]}
    session.save()
    return session


def payload_of(session: Session, kind: str) -> dict[str, Any]:
    payload: dict[str, Any] = session.events.get(type=kind).payload
    return payload


def page_of(client: Client, session: Session) -> str:
    return client.get(f"/sessions/{session.pk}/").content.decode()


def test_the_page_offers_both_answers(as_alice: Client, waiting: Session) -> None:
    page = page_of(as_alice, waiting)
    assert "rm notes" in page
    assert f"/sessions/{waiting.pk}/confirm/" in page
    assert "What find_order gives back" in page


def page_asking(client: Client, session: Session, command: str) -> str:
    payload = {"name": "bash", "input": {"command": command}, "evaluated_permission": "ask"}
    asked = Event.objects.create(
        session=session, thread=Thread.objects.get(session=session), seq=session.next_seq,
        event_id=f"sevt_more{session.next_seq}", type="agent.tool_use", payload=payload, processed_at=timezone.now(),
    )  # fmt: skip
    session.next_seq += 1
    session.stop_reason = {"type": "requires_action", "event_ids": [asked.event_id]}
    session.save()
    return page_of(client, session)


def test_nothing_of_a_call_hides_from_who_allows_it(as_alice: Client, waiting: Session) -> None:
    page = page_asking(as_alice, waiting, f"echo {'x' * 15_000} \u202e; rm -rf /workspace/notes")
    desk = page[page.index('id="awaited-sevt_more') :]
    assert "\\u202e; rm -rf /workspace/notes" in desk
    assert "\u202e" not in page
    assert "not shown here; read all of it" not in desk
    assert "1 more character not shown here; read all of it" in page_asking(as_alice, waiting, "x" * 20_001)


@pytest.mark.parametrize(
    ("judged", "words"),
    [
        ({"type": "ask", "reason_code": "indeterminate"}, "a person decides. (indeterminate)"),
        ({"type": "deny", "reason_code": "high_risk"}, "Judged dangerous: it never ran. (high risk)"),
        ({"type": "allow"}, "it ran without asking."),
    ],
)
def test_the_page_says_what_was_judged(as_alice: Client, waiting: Session, judged: dict[str, str], words: str) -> None:
    payload = {"name": "bash", "input": {}, "evaluation": {"type": "auto", "evaluated_permission": judged}}
    thread = Thread.objects.get(session=waiting)
    Event.objects.create(
        session=waiting, thread=thread, seq=waiting.next_seq, event_id="sevt_judged", type="agent.tool_use",
        payload=payload, processed_at=timezone.now(),
    )  # fmt: skip
    waiting.next_seq += 1
    waiting.stop_reason = {"type": "requires_action", "event_ids": ["sevt_judged"]}
    waiting.save()
    assert words in page_of(as_alice, waiting)


def test_who_may_not_answer_sees_what_is_awaited(as_bob: Client, waiting: Session) -> None:
    page = page_of(as_bob, waiting)
    assert "An admin of the workspace can answer." in page
    assert f"/sessions/{waiting.pk}/confirm/" not in page


def test_a_call_is_allowed_and_asked_about_no_more(as_alice: Client, waiting: Session) -> None:
    form = {"tool_use_id": "sevt_ask1", "result": "allow", "deny_message": "typed, then thought better of"}
    as_alice.post(f"/sessions/{waiting.pk}/confirm/", form)
    assert payload_of(waiting, "user.tool_confirmation") == {"tool_use_id": "sevt_ask1", "result": "allow"}
    page = page_of(as_alice, waiting)
    assert f"/sessions/{waiting.pk}/confirm/" not in page
    assert f"/sessions/{waiting.pk}/answer/" in page


def test_a_denial_says_why(as_alice: Client, waiting: Session) -> None:
    form = {"tool_use_id": "sevt_ask1", "result": "deny", "deny_message": "Keep the notes."}
    as_alice.post(f"/sessions/{waiting.pk}/confirm/", form)
    said = payload_of(waiting, "user.tool_confirmation")
    assert (said["result"], said["deny_message"]) == ("deny", "Keep the notes.")


def test_a_custom_call_gets_its_answer(as_alice: Client, waiting: Session) -> None:
    form = {"custom_tool_use_id": "sevt_own1", "text": "No such order.", "is_error": "1"}
    as_alice.post(f"/sessions/{waiting.pk}/answer/", form)
    said = payload_of(waiting, "user.custom_tool_result")
    assert (said["content"][0]["text"], said["is_error"]) == ("No such order.", True)


def test_a_second_yes_is_refused_in_words(as_alice: Client, waiting: Session) -> None:
    form = {"tool_use_id": "sevt_ask1", "result": "allow"}
    as_alice.post(f"/sessions/{waiting.pk}/confirm/", form)
    page = as_alice.post(f"/sessions/{waiting.pk}/confirm/", form, follow=True).content.decode()
    assert "Somebody was faster" in page


def test_an_empty_answer_is_not_sent(as_alice: Client, waiting: Session) -> None:
    form = {"custom_tool_use_id": "sevt_own1", "text": " "}
    page = as_alice.post(f"/sessions/{waiting.pk}/answer/", form, follow=True).content.decode()
    assert "Write the answer first." in page
    assert not waiting.events.filter(type="user.custom_tool_result").exists()


def test_a_running_session_can_be_interrupted(as_alice: Client, waiting: Session) -> None:
    address = f"/sessions/{waiting.pk}/interrupt/"
    Session.objects.filter(pk=waiting.pk).update(stop_reason={"type": "end_turn"})
    assert address not in page_of(as_alice, waiting)
    Session.objects.filter(pk=waiting.pk).update(status="running", stop_reason=None)
    assert address in page_of(as_alice, waiting)
    as_alice.post(address)
    assert InboxEvent.objects.get(session=waiting).type == "user.interrupt"


def test_the_status_region_alone_offers_them_too(as_alice: Client, waiting: Session) -> None:
    headers = {"HX-Request": "true", "HX-Target": "status"}
    part = as_alice.get(f"/sessions/{waiting.pk}/", headers=headers).content.decode()
    assert part.lstrip().startswith('<div class="stack" id="standing"')
    assert "The agent waits for an answer" in part


def test_a_call_of_an_mcp_server_is_named_with_it_and_can_be_allowed(as_alice: Client, waiting: Session) -> None:
    call = {"name": "close", "mcp_server_name": "tickets", "input": {}, "evaluated_permission": "ask"}
    Event.objects.create(
        session=waiting, thread=waiting.threads.get(), seq=waiting.next_seq, event_id="sevt_mcp1",
        type="agent.mcp_tool_use", payload=call, processed_at=timezone.now(),
    )  # fmt: skip
    waiting.next_seq += 1
    waiting.stop_reason = {"type": "requires_action", "event_ids": ["sevt_mcp1"]}
    waiting.save()
    assert "tickets: close" in page_of(as_alice, waiting)
    as_alice.post(f"/sessions/{waiting.pk}/confirm/", {"tool_use_id": "sevt_mcp1", "result": "allow"})
    assert payload_of(waiting, "user.tool_confirmation")["result"] == "allow"


def test_with_htmx_an_answer_brings_only_what_there_is_to_say(as_alice: Client, waiting: Session) -> None:
    headers = {"HX-Request": "true", "HX-Target": "messages"}
    form = {"tool_use_id": "sevt_ask1", "result": "allow"}
    answers = [as_alice.post(f"/sessions/{waiting.pk}/confirm/", form, headers=headers) for _time in range(2)]
    first, second = (answer.content.decode().strip() for answer in answers)
    assert first.startswith('<div id="messages"')
    assert ("Somebody was faster" in first, "Somebody was faster" in second) == (False, True)


def test_of_two_answers_to_one_custom_call_the_second_is_told_kindly(as_alice: Client, waiting: Session) -> None:
    form = {"custom_tool_use_id": "sevt_own1", "text": "Found."}
    as_alice.post(f"/sessions/{waiting.pk}/answer/", form)
    again = {**form, "text": "Not found."}
    page = as_alice.post(f"/sessions/{waiting.pk}/answer/", again, follow=True).content.decode()
    assert "Somebody was faster" in page
    assert payload_of(waiting, "user.custom_tool_result")["content"][0]["text"] == "Found."


def test_while_it_waits_it_can_be_interrupted_too(as_alice: Client, waiting: Session) -> None:
    assert f"/sessions/{waiting.pk}/interrupt/" in page_of(as_alice, waiting)


def test_what_waits_for_the_agent_is_listed(as_alice: Client, waiting: Session) -> None:
    Session.objects.filter(pk=waiting.pk).update(status="running", stop_reason=None)
    as_alice.post(f"/sessions/{waiting.pk}/send/", {"text": "Then <b>stop</b>."})
    page = page_of(as_alice, waiting)
    assert "1 message waiting for the agent" in page
    assert "Then &lt;b&gt;stop&lt;/b&gt;." in page


def test_the_list_says_which_sessions_wait_and_finds_them(as_bob: Client, waiting: Session) -> None:
    found = as_bob.get("/sessions/", {"status": "awaits"}).content.decode()
    assert (waiting.pk in found, "needs answer" in found) == (True, True)
    assert "1 session waits for an answer" in as_bob.get("/sessions/").content.decode()
    Session.objects.filter(pk=waiting.pk).update(stop_reason={"type": "end_turn"})
    assert waiting.pk not in as_bob.get("/sessions/", {"status": "awaits"}).content.decode()
