"""Event streams of a running product: what comes, in which frames, who may listen, and when they end."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
import pytest
from django.db import transaction

from agents.api import stream
from agents.api.auth import MANAGED_AGENTS
from agents.eventlog.append import NewEvent, append
from agents.eventlog.channel import publish
from agents.eventlog.hub import QUEUE_MAX, Follower, Item, Look
from agents.models import Scope, Session, Thread
from agents.services.api_keys import issue_api_key, revoke_api_key
from agents.services.events import send_events
from agents.services.sessions import delete_session
from agents.sse import PING, request_of
from tests.stack import Stack, answer_of

HEADERS = {"anthropic-version": "2026-10-21", "anthropic-beta": MANAGED_AGENTS}


@pytest.fixture
def session(stack: Stack, make_session) -> Session:
    return make_session()


@contextmanager
def listening(stack: Stack, path: str, **headers: str) -> Iterator[Iterator[tuple[str, str, str]]]:
    """The frames of a stream as (name, id, data)."""
    with (
        httpx2.Client(base_url=stack.url, timeout=60) as client,
        client.stream("GET", path, headers={**HEADERS, **headers}) as answer,
    ):
        assert answer.status_code == 200, answer.read()
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["request-id"].startswith("req_")
        yield frames(answer.iter_lines())


def frames(lines: Iterator[str]) -> Iterator[tuple[str, str, str]]:
    found: dict[str, list[str]] = {}
    for line in lines:
        name, colon, value = line.partition(": ")
        if colon and name:
            found.setdefault(name, []).append(value)
        elif not line and found.get("event", ["ping"]) != ["ping"]:
            yield found["event"][0], "".join(found.get("id", [])), "\n".join(found["data"])
            found = {}
        elif not line:
            found = {}


def say(session: Session, *texts: str, thread=None) -> None:
    events = [NewEvent(type="agent.message", payload={"content": [{"type": "text", "text": text}]}) for text in texts]
    with transaction.atomic():
        append(session.pk, thread or session.threads.get(), events)


def child_of(session: Session) -> Thread:
    parent = session.threads.get()
    return Thread.objects.create(
        session=session, parent=parent, agent_snapshot={}, created_at=parent.created_at, updated_at=parent.updated_at
    )


def path_of(session: Session) -> str:
    return f"/v1/sessions/{session.pk}/events/stream"


def test_only_what_comes_after_the_connection_is_streamed(stack, session, api_key):
    say(session, "before")
    with listening(stack, path_of(session), authorization=f"Bearer {api_key}") as incoming:
        say(session, "one", "two \u2028 lines\nand more")
        found = [next(incoming), next(incoming)]
    assert [name for name, _, _ in found] == ["agent.message", "agent.message"]
    assert [json.loads(data)["content"][0]["text"] for _, _, data in found] == ["one", "two \u2028 lines\nand more"]


def test_an_event_whose_message_was_lost_is_not_skipped(stack, session, api_key, monkeypatch):
    with listening(stack, path_of(session), authorization=f"Bearer {api_key}") as incoming:
        with monkeypatch.context() as patch:
            patch.setattr("agents.eventlog.append.publish", lambda *arguments: None)
            say(session, "unheard")
        say(session, "heard")
        texts = [json.loads(next(incoming)[2])["content"][0]["text"] for _ in range(2)]
    assert texts == ["unheard", "heard"]


def test_a_message_that_is_told_twice_is_streamed_once(stack, session, api_key):
    with listening(stack, path_of(session), authorization=f"Bearer {api_key}") as incoming:
        say(session, "one")
        first = json.loads(next(incoming)[2])
        publish(session.pk, [(session.threads.get().pk, session.events.get().seq, first)])
        say(session, "two")
        assert json.loads(next(incoming)[2])["content"][0]["text"] == "two"


def test_a_turn_is_streamed_from_the_queued_message_to_idle(stack, session, api_key, actor):
    with listening(stack, path_of(session), authorization=f"Bearer {api_key}") as incoming:
        send_events(session, [{"type": "user.message", "content": [{"type": "text", "text": "Hello"}]}], actor=actor)
        found = []
        while not found or found[-1][0] != "session.status_idle":
            found.append(next(incoming))
    names = [name for name, _, _ in found]
    assert names[-3:] == ["session.thread_status_idle", "session.usage", "session.status_idle"]
    assert "agent.message" in names


def test_a_stream_ends_after_the_session_does(stack, session, api_key):
    with listening(stack, path_of(session), authorization=f"Bearer {api_key}") as incoming:
        with transaction.atomic():
            append(session.pk, session.threads.get(), [NewEvent(type="session.status_terminated")])
        assert [name for name, _, _ in incoming] == ["session.status_terminated"]


def test_a_stream_of_what_is_over_ends_at_once(stack, session, api_key):
    child = child_of(session)
    with transaction.atomic():
        append(session.pk, session.threads.primary().get(), [NewEvent(type="session.status_terminated")])
    for path in (path_of(session), f"/v1/sessions/{session.pk}/threads/{child.pk}/stream"):
        with listening(stack, path, authorization=f"Bearer {api_key}") as incoming:
            assert list(incoming) == []


@pytest.mark.parametrize("is_heard", [True, False])
def test_a_deleted_session_says_so_on_every_stream_and_ends_it(stack, session, api_key, actor, monkeypatch, is_heard):
    child = child_of(session)
    key = f"Bearer {api_key}"
    if not is_heard:
        monkeypatch.setattr("agents.services.sessions.publish", lambda *arguments: None)
    with (
        listening(stack, path_of(session), authorization=key) as incoming,
        listening(stack, f"/v1/sessions/{session.pk}/threads/{child.pk}/stream", authorization=key) as beside,
    ):
        delete_session(session, actor=actor)
        for stream in (incoming, beside):
            ((name, _, data),) = stream
            assert (name, json.loads(data)["type"]) == ("session.deleted", "session.deleted")
    assert answer_of(stack.url + path_of(session), headers={**HEADERS, "authorization": key}).status_code == 404


def test_a_childs_events_are_on_its_own_stream_alone(stack, session, api_key):
    parent, child = session.threads.get(), child_of(session)
    key = f"Bearer {api_key}"
    with (
        listening(stack, path_of(session), authorization=key) as incoming,
        listening(stack, f"/v1/sessions/{session.pk}/threads/{child.pk}/stream", authorization=key) as beside,
    ):
        say(session, "child", thread=child)
        say(session, "parent", thread=parent)
        heard = [json.loads(next(stream)[2])["content"][0]["text"] for stream in (incoming, beside)]
    assert heard == ["parent", "child"]


@pytest.mark.parametrize(
    ("change", "status", "kind"),
    [
        ({"authorization": ""}, 401, "authentication_error"),
        ({"authorization": "Bearer lucid_wrong"}, 401, "authentication_error"),
        ({"anthropic-beta": ""}, 404, "not_found_error"),
        ({"anthropic-version": "1999-01-01"}, 400, "invalid_request_error"),
    ],
)
def test_a_refused_stream_answers_like_every_other_call(stack, session, api_key, change, status, kind):
    headers = {**HEADERS, "authorization": f"Bearer {api_key}", **change}
    answer = answer_of(stack.url + path_of(session), headers=headers)
    assert answer.status_code == status
    assert answer.json()["error"]["type"] == kind
    assert answer.json()["request_id"] == answer.headers["request-id"]


def test_a_key_that_may_not_read_hears_nothing(stack, session, workspace):
    _, key = issue_api_key(workspace, "writer", scopes=[scope for scope in Scope if scope != Scope.READ])
    answer = answer_of(stack.url + path_of(session), headers={**HEADERS, "authorization": f"Bearer {key}"})
    assert (answer.status_code, answer.json()["error"]["type"]) == (403, "permission_error")


def test_a_stream_of_another_workspace_is_a_missing_one(stack, session, stranger_key):
    answer = answer_of(stack.url + path_of(session), headers={**HEADERS, "authorization": f"Bearer {stranger_key}"})
    assert answer.status_code == 404


def test_the_pages_stream_resumes_at_a_place(stack, session, as_alice):
    cookie = f"sessionid={as_alice.cookies['sessionid'].value}"
    say(session, "one", "two", "three")
    first = session.events.get(payload__content__0__text="one").seq
    with listening(stack, f"/sessions/{session.pk}/stream/?after={first}", cookie=cookie) as incoming:
        shown = [next(incoming), next(incoming)]
        say(session, "four")
        shown.append(next(incoming))
    assert [int(place) for _, place, _ in shown] == [first + 1, first + 2, first + 3]
    assert ["two" in shown[0][2], "three" in shown[1][2], "four" in shown[2][2]] == [True, True, True]
    with listening(
        stack, f"/sessions/{session.pk}/stream/?after=0", cookie=cookie, **{"last-event-id": str(first + 2)}
    ) as incoming:
        assert next(incoming)[0] == "status"  # how the session stands may have changed without a word
        assert "four" in next(incoming)[2]


def test_the_pages_stream_is_closed_to_strangers(stack, session, as_charlie):
    cookie = f"sessionid={as_charlie.cookies['sessionid'].value}"
    address = f"{stack.url}/sessions/{session.pk}/stream/"
    assert answer_of(address, headers={"cookie": cookie}).status_code == 404
    assert answer_of(address).status_code == 401


@pytest.mark.django_db
def test_a_stream_ends_when_its_key_is_no_longer_good(workspace, monkeypatch):
    key, text = issue_api_key(workspace, "short-lived")
    sent = {**HEADERS, "x-api-key": text}.items()
    headers = [(name.encode(), value.encode()) for name, value in sent]
    request = request_of({"type": "http", "method": "GET", "path": "/v1/sessions", "headers": headers})
    answers = [stream._is_allowed(request)]
    revoke_api_key(key)
    answers.append(stream._is_allowed(request))
    monkeypatch.setattr(stream, "ALLOWED_SECONDS", 0.0)

    async def items():
        while True:
            yield None

    async def is_allowed():
        return answers.pop(0)

    async def heard():
        wanted = stream.Wanted(session_id="s", thread_id="t", is_primary=True, previews=frozenset())
        return [frame async for frame in stream._frames(items(), wanted, is_allowed)]

    assert asyncio.run(heard()) == [PING]


def test_who_falls_behind_reads_on_in_the_table():
    async def follow():
        follower = Follower(awaited=())
        for place in range(QUEUE_MAX + 5):
            follower.offer(Item(thread_id="sthr_x", seq=place, event={}))
        found = [await follower.next(patience=0.01) for _ in range(QUEUE_MAX + 2)]
        return [getattr(item, "seq", item) for item in found], follower.lost.is_set()

    assert asyncio.run(follow()) == ([*range(QUEUE_MAX), Look, None], False)


def test_many_streams_of_one_session_get_every_event_in_order(stack, session, api_key):
    readers, results = [], []
    ready = threading.Barrier(21, timeout=60)

    def read() -> None:
        with listening(stack, path_of(session), authorization=f"Bearer {api_key}") as incoming:
            ready.wait()
            results.append([json.loads(next(incoming)[2])["content"][0]["text"] for _ in range(30)])

    for _ in range(20):
        readers.append(threading.Thread(target=read))
        readers[-1].start()
    ready.wait()
    for number in range(30):
        say(session, str(number))
    for reader in readers:
        reader.join(60)
    assert results == [[str(number) for number in range(30)]] * 20
