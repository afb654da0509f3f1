"""Previews of what an agent is writing, through the official client, which puts them together again."""

import itertools
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import anthropic
import httpx2
import pytest
from anthropic.lib.sessions import accumulate_managed_agents_event

from agents.api.auth import MANAGED_AGENTS
from agents.eventlog.channel import publish_previews
from agents.models import Event
from tests.agents.scripted_model import ScriptedModel, answer, beginning, scripted_model, text, thinking, use
from tests.chaos.parts import PARTS, find
from tests.stack import answer_of, wait_for

BOTH = ["agent.message", "agent.thinking"]
CUSTOM = {"type": "custom", "name": "find", "description": "Find.", "input_schema": {"type": "object"}}
HELLO = {"type": "user.message", "content": [{"type": "text", "text": "Hello"}]}
WORDS = "An answer — with “quotes”, 🦊 foxes, e\u0301 and \u2028 lines\n\n  and   spaces. "


@pytest.fixture(scope="module")
def _model() -> Iterator[ScriptedModel]:
    with scripted_model() as model:
        yield model


@pytest.fixture(scope="module")
def stack_environment(_model):
    return {"ANTHROPIC_BASE_URL": _model.url, "ANTHROPIC_API_KEY": "scripted"}


@pytest.fixture
def model(_model):
    _model.requests.clear()
    return _model


@pytest.fixture
def sdk(stack, api_key):
    with anthropic.Anthropic(base_url=stack.url, api_key=api_key, max_retries=0, timeout=60) as client:
        client._strict_response_validation = True
        yield client


@pytest.fixture
def session(sdk):
    tools = [{"type": "agent_toolset_20260401"}, CUSTOM]
    agent = sdk.beta.agents.create(name="Ann", model="practice-1", tools=tools)
    environment = sdk.beta.environments.create(name="box")
    return sdk.beta.sessions.create(agent=agent.id, environment_id=environment.id)


@pytest.fixture
def say(sdk, session):
    def send(event=HELLO):
        sdk.beta.sessions.events.send(session.id, events=[event])

    return send


@contextmanager
def listening(sdk, session, *wanted):
    options = {"event_deltas": list(wanted)} if wanted else {}
    with sdk.beta.sessions.events.stream(session.id, **options) as stream:
        yield iter(stream)


def until(stream, kind="session.status_idle"):
    found = []
    while not found or found[-1].type != kind:
        found.append(next(stream))
    return found


def of_type(events, kind):
    return [event for event in events if event.type == kind]


def previewed(events):
    """What the oracle makes of the previews before each final message."""
    drafts, draft = [], None
    for event in events:
        if event.type == "agent.message":
            drafts.append((draft, event))
        draft = accumulate_managed_agents_event(draft, event)
    return drafts


@pytest.mark.parametrize(
    "blocks",
    [
        lambda: [text("Hello")],
        lambda: [text(*WORDS)],
        lambda: [text(" ", "\n", "late ", "words ", " ")],
        lambda: [thinking("hm"), text("one ", "two"), text("\n \n"), text("three"), thinking("more"), text("  four")],
        lambda: [text("lone \ud83d and \x00 zero")],
        lambda: [text(*["word "] * 5_000)],
    ],
    ids=["short", "unicode", "blank first", "many blocks", "not storable", "long"],
)
def test_the_previews_add_up_to_the_final_message(sdk, session, say, model, blocks):
    model.script = lambda request: answer(*blocks())
    with listening(sdk, session, *BOTH) as stream:
        say()
        events = until(stream)
    ((draft, final),) = previewed(events)
    assert draft.id == final.id
    assert [block.text for block in draft.content] == [block.text for block in final.content]
    assert final == of_type(sdk.beta.sessions.events.list(session.id), "agent.message")[0]
    assert not {event.type for event in sdk.beta.sessions.events.list(session.id)} & {"event_start", "event_delta"}


def test_a_preview_starts_once_and_its_event_is_the_last_frame_with_its_id(sdk, session, say, model):
    model.script = lambda request: answer(thinking("a"), text("b ", "c"), thinking("d"))
    with listening(sdk, session, *BOTH) as stream:
        say()
        events = until(stream)
    started = [(event.event.type, event.event.id) for event in of_type(events, "event_start")]
    assert [kind for kind, _ in started] == ["agent.thinking", "agent.message", "agent.thinking"]
    for kind, event_id in started:
        frames = [event for event in events if event_id in (getattr(event, "id", ""), getattr(event, "event_id", ""))]
        assert frames[-1].type == kind
    names = [event.type for event in events]
    assert names.index("span.model_request_start") < names.index("event_start")
    assert len({event_id for _, event_id in started}) == 3


def test_only_what_was_asked_for_is_previewed(sdk, session, say, model):
    model.script = lambda request: answer(thinking("a"), text("b"))
    with listening(sdk, session) as plain, listening(sdk, session, "agent.thinking") as thoughts:
        say()
        shown, watched = until(plain), until(thoughts)
    assert not of_type(shown, "event_start") + of_type(shown, "event_delta")
    assert [event.event.type for event in of_type(watched, "event_start")] == ["agent.thinking"]
    assert not of_type(watched, "event_delta")
    assert [event.id for event in shown] == [event.id for event in watched if event.type != "event_start"]


def test_the_model_streams_only_for_somebody_who_watches(sdk, session, say, model):
    model.script = lambda request: answer(text("quiet"))
    with listening(sdk, session) as stream:
        say()
        until(stream)
    with listening(sdk, session, *BOTH) as stream:
        say()
        until(stream)
    assert [request.get("stream", False) for request in model.requests] == [False, True]


def test_text_around_tool_calls_is_previewed_request_by_request(sdk, session, say, model):
    def script(request):
        if len(model.requests) == 1:
            return answer(text("I ", "look."), use("find", '{"na', 'me": "x"}'), stop_reason="tool_use")
        return answer(text("Found ", "it."))

    model.script = script
    with listening(sdk, session, *BOTH) as stream:
        say()
        events = until(stream)
        (call,) = of_type(events, "agent.custom_tool_use")
        assert call.input == {"name": "x"}
        result = {
            "type": "user.custom_tool_result",
            "custom_tool_use_id": call.id,
            "content": [{"type": "text", "text": "there"}],
        }
        say(result)
        events += until(stream)
    drafts = previewed(events)
    assert [[draft.content[0].text, final.content[0].text] for draft, final in drafts] == [
        ["I look."] * 2,
        ["Found it."] * 2,
    ]
    assert len({final.id for _, final in drafts}) == 2


def test_what_a_killed_answer_said_has_no_final_event_and_the_retry_has_a_preview_of_its_own(sdk, session, say, model):
    def script(request):
        if len(model.requests) == 1:
            return beginning(text(*["half an answer, "] * 50))
        return answer(text("The whole ", "answer."))

    model.script = script
    with listening(sdk, session, *BOTH) as stream:
        say()
        events = until(stream)
    first, second = of_type(events, "event_start")
    assert first.event.id != second.event.id
    (final,) = of_type(events, "agent.message")
    assert final.id == second.event.id
    ends = of_type(events, "span.model_request_end")
    assert [end.is_error for end in ends] == [True, False]
    names = [event.type for event in events]
    assert names.index("span.model_request_end") < names.index("session.error") < names.index("agent.message")
    assert "broke off in the middle" in of_type(events, "session.error")[0].error.message
    late = events[names.index("span.model_request_end") :]
    assert first.event.id not in {event.event_id for event in of_type(late, "event_delta")}


def test_a_worker_killed_in_mid_sentence_leaves_one_final_event_with_a_preview_of_its_own(
    stack, sdk, session, say, model
):
    gone = threading.Event()

    def script(request):
        if len(model.requests) > 1:
            return answer(text("Once ", "more."))
        return itertools.chain(beginning(text("Once upon ")), (b": wait\n\n" for _ in range(600) if not gone.wait(0.1)))

    model.script = script
    with listening(sdk, session, *BOTH) as stream:
        say()
        events = until(stream, "event_delta")
        wait_for(lambda: find(stack, PARTS["worker"]), 60).kill()
        events += until(stream)
        gone.set()
    first, second = of_type(events, "event_start")
    ((draft, final),) = previewed(events)
    assert first.event.id != second.event.id == draft.id == final.id
    assert draft.content[0].text == final.content[0].text == "Once more."
    assert len(of_type(events, "span.model_request_start")) == len(of_type(events, "span.model_request_end")) == 1


def test_an_interrupt_in_mid_sentence_ends_the_preview_without_a_final_event(sdk, session, say, model):
    ended = threading.Event()

    def script(request):
        try:
            yield from beginning(text("Once upon "))
            while True:
                yield b": nothing new\n\n"
                if ended.wait(0.05):
                    return
        finally:
            ended.set()

    model.script = script
    with listening(sdk, session, *BOTH) as stream:
        say()
        events = until(stream, "event_start")
        say({"type": "user.interrupt"})
        events += until(stream)
    assert not of_type(events, "agent.message")
    assert of_type(events, "span.model_request_end")[-1].is_error
    assert ended.wait(60)  # the request itself was given up, not left to run


def test_who_comes_in_mid_sentence_gets_the_final_event_alone(sdk, session, say, model):
    go_on = threading.Event()

    def script(request):
        yield from (event for event in beginning(text("first ", "half, ")) if event["type"] != "content_block_stop")
        go_on.wait(60)
        yield {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "other half"}}
        yield {"type": "content_block_stop", "index": 0}
        yield from list(answer())[1:]

    model.script = script
    with listening(sdk, session, *BOTH) as early:
        say()
        seen = until(early, "event_start")
        with listening(sdk, session, *BOTH) as late:
            go_on.set()
            seen += until(early)
            missed = until(late)
    assert not of_type(missed, "event_start") + of_type(missed, "event_delta")
    ((draft, final),) = previewed(seen)
    assert draft.content[0].text == final.content[0].text == "first half, other half"
    assert of_type(missed, "agent.message") == [final]


def test_a_hole_in_a_preview_silences_the_rest_of_it(sdk, session, say, model):
    go_on = threading.Event()

    def script(request):
        yield from beginning(text("never "))
        go_on.wait(60)

    model.script = script
    with listening(sdk, session, *BOTH) as stream:
        say()
        (start,) = of_type(until(stream, "event_delta"), "event_start")
        started = start.event.id
        request = wait_for(lambda: Event.objects.filter(type="span.model_request_start").first(), 60)

        def piece(said):
            content = {"type": "text", "text": said}
            delta = {"type": "content_delta", "index": 0, "content": content}
            return {"type": "event_delta", "event_id": started, "delta": delta}

        publish_previews(
            request.thread_id, request.event_id, [(2, piece("two ")), (4, piece("four ")), (5, piece("five"))]
        )
        publish_previews(
            request.thread_id,
            "sevt_another",
            [(0, {"type": "event_start", "event": {"type": "agent.message", "id": "x"}})],
        )
        say({"type": "user.interrupt"})
        events = until(stream)
        go_on.set()
    assert not of_type(events, "event_start")
    assert [event.delta.content.text for event in of_type(events, "event_delta")] == ["two "]


def test_a_threads_own_stream_shows_its_previews(sdk, session, say, model):
    model.script = lambda request: answer(text("word ", "by ", "word"))
    (thread,) = sdk.beta.sessions.threads.list(session.id)
    with sdk.beta.sessions.threads.events.stream(thread.id, session_id=session.id, event_deltas=BOTH) as stream:
        say()
        events = until(iter(stream), "session.thread_status_idle")
    ((draft, final),) = previewed(events)
    assert (draft.id, draft.content[0].text) == (final.id, "word by word")


def test_the_page_of_a_session_shows_the_text_as_it_is_written(stack, sdk, session, say, model, as_alice):
    go_on = threading.Event()

    def script(request):
        yield from (event for event in beginning(text("<b>one</b> ")) if event["type"] != "content_block_stop")
        go_on.wait(60)
        yield {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": " two"}}
        yield {"type": "content_block_stop", "index": 0}
        yield from list(answer())[1:]

    model.script = script
    cookie = {"cookie": f"sessionid={as_alice.cookies['sessionid'].value}"}
    with httpx2.stream("GET", f"{stack.url}/sessions/{session.id}/stream/?after=0", headers=cookie, timeout=60) as page:
        say()
        frames = frames_of(page.iter_lines())
        assert next(data for name, data in frames if name == "writing") == "&lt;b&gt;one&lt;/b&gt; "
        go_on.set()
        assert next(frames) == ("writing", " two")
        name, data = next(frames)
    assert name == "event"
    assert "&lt;b&gt;one&lt;/b&gt;  two" in data
    assert data.endswith('<p id="writing" hx-swap-oob="innerHTML"></p>')


def frames_of(lines):
    name, data = "", []
    for line in lines:
        if line.startswith("event: "):
            name = line[7:]
        elif line.startswith("data: "):
            data.append(line[6:])
        elif not line and data:
            yield name, "\n".join(data)
            name, data = "", []


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("event_deltas[]=agent.tool_use", "'agent.tool_use'"),
        ("event_deltas=agent.message,agent.mesage", "'agent.mesage'"),
        ("&".join(["event_deltas[]=agent.message"] * 101), "at most 100"),
    ],
)
def test_what_cannot_be_previewed_is_refused(stack, session, api_key, query, said):
    answered = get(stack, session, api_key, query)
    assert (answered.status_code, answered.json()["error"]["type"]) == (400, "invalid_request_error")
    assert said in answered.json()["error"]["message"]


@pytest.mark.parametrize("query", ["event_deltas=agent.message,agent.thinking", "event_deltas=agent.message"])
def test_bare_and_comma_separated_names_are_understood(stack, session, api_key, say, model, query):
    model.script = lambda request: answer(text("shown"))
    with httpx2.stream("GET", address(stack, session, query), headers=headers(api_key), timeout=60) as stream:
        say()
        for line in stream.iter_lines():
            if line.startswith("data: ") and json.loads(line[6:])["type"] == "event_delta":
                break


def get(stack, session, api_key, query):
    return answer_of(address(stack, session, query), headers=headers(api_key))


def address(stack, session, query):
    return f"{stack.url}/v1/sessions/{session.id}/events/stream?{query}"


def headers(api_key):
    return {"anthropic-version": "2026-10-21", "anthropic-beta": MANAGED_AGENTS, "authorization": f"Bearer {api_key}"}
