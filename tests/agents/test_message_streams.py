"""Streamed answers of a model: put together again, whatever they are cut into, and refused where they are none."""

import pytest

from agents.runtime.message_stream import MessageStream
from agents.runtime.model import ModelError, read_reply
from tests.agents.scripted_model import START, answer, as_frame, beginning, text, thinking, use, whole

MOST = 1_000_000


class Heard:
    def __init__(self):
        self.blocks = []
        self.has_ended = False

    def begins(self, kind):
        self.blocks.append([kind, ""])

    def says(self, text):
        self.blocks[-1][1] += text

    def ends(self):
        self.has_ended = True


def read(data, *, size=65_536, most=MOST):
    heard = Heard()
    stream = MessageStream(heard, most=most)
    for at in range(0, len(data), size):
        stream.feed(data[at : at + size])
    return stream.body(), heard


def encoded(events):
    return b"".join(as_frame(event) for event in events)


def said():
    return answer(thinking("hm"), text("ä🦊", "\u2028\n"), use("bash", '{"comm', 'and": "ls"}'), use("list"))


@pytest.mark.parametrize("size", [1, 7, 65_536])
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
def test_an_answer_is_the_same_whatever_it_is_cut_into(size, line_end):
    body, heard = read(encoded(said()).replace(b"\n", line_end), size=size)
    assert read_reply(body).content == read_reply(whole(said())).content
    assert heard.blocks == [["thinking", ""], ["text", "ä🦊\u2028\n"], ["tool_use", ""], ["tool_use", ""]]
    assert heard.has_ended
    assert body["usage"] == {"input_tokens": 7, "output_tokens": 9}


@pytest.mark.parametrize("reason", ["max_tokens", "model_context_window_exceeded"])
def test_a_call_that_came_to_the_limit_of_tokens_is_cut_and_not_unreadable(reason):
    body, _ = read(encoded(answer(text("I write."), use("write", '{"content": "half'), stop_reason=reason)))
    reply = read_reply(body)
    assert (reply.is_cut_in_call, reply.tool_uses[-1]["input"]) == (True, {})
    assert not read_reply(whole(said())).is_cut_in_call
    with pytest.raises(ModelError, match="not a Messages reply"):
        read(encoded(answer(use("write", '{"content": "half'), stop_reason="tool_use")))
    with pytest.raises(ModelError, match="not a Messages reply"):
        read(encoded(answer(use("write", '{"content": "half'), use("list"), stop_reason=reason)))


def test_comments_pings_and_what_is_not_known_are_passed_over():
    events = list(answer(text("one")))
    unknown = [{"type": "ping"}, {"type": "later", "index": 3}]
    data = b": hello\nretry: 5\n\n" + encoded([*events[:2], *unknown, *events[2:]])
    assert read(data)[0]["content"] == [{"type": "text", "text": "one"}]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "broke off in the middle"),
        (encoded(beginning(text("half"))), "broke off in the middle"),
        (encoded(answer(use("bash", '{"command": "l'))), "not a Messages reply"),
        (b"data: {]\n\n", "not a Messages reply"),
        (b"data: 7\n\n", "not a Messages reply"),
        (b"data: {}\n\n", "'type' is missing"),
        (b"data: \xff\xfe\n\n", "not a Messages reply"),
        (b"data: " + b"[" * 100_000 + b"\n\n", "not a Messages reply"),
        (
            encoded([START, {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "x"}}]),
            "overlap",
        ),
        (
            encoded(
                [
                    START,
                    *[
                        {"type": "content_block_start", "index": n, "content_block": {"type": "text", "text": ""}}
                        for n in (0, 1)
                    ],
                ]
            ),
            "overlap",
        ),
        (
            encoded([START, {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": 5}}]),
            "not a Messages reply",
        ),
        (encoded([{"type": "message_delta", "delta": {"stop_reason": "end_turn"}}]), "usage"),
    ],
)
def test_what_is_no_answer_is_said_in_a_sentence(data, why):
    with pytest.raises(ModelError, match=why) as failed:
        read(data)
    assert failed.value.is_transient


@pytest.mark.parametrize(
    ("kind", "wanted", "is_transient"),
    [
        ("overloaded_error", "model_overloaded_error", True),
        ("rate_limit_error", "model_rate_limited_error", True),
        ("api_error", "model_request_failed_error", True),
        ("invalid_request_error", "model_request_failed_error", False),
    ],
)
def test_an_error_in_mid_stream_has_its_own_kind(kind, wanted, is_transient):
    error = {"type": "error", "error": {"type": kind, "message": "sorry"}}
    with pytest.raises(ModelError, match="sorry") as failed:
        read(encoded([START, error]))
    assert (failed.value.type, failed.value.is_transient) == (wanted, is_transient)


@pytest.mark.parametrize(
    "data",
    [
        encoded(answer(text(*["x" * 1_000] * 200))),
        encoded(answer(use("bash", *["x" * 1_000] * 200))),
        encoded(answer(*(use("bash") for _ in range(2_000)))),
        b"data: " + b"x" * 200_000,
        b"data: x\n" * 40_000,
    ],
    ids=["text", "input", "calls", "one line", "one frame"],
)
def test_an_answer_keeps_within_its_size(data):
    with pytest.raises(ModelError, match="more than 100,000 bytes"):
        read(data, most=100_000)


def test_frames_and_pings_are_not_the_answers_size():
    data = encoded([{"type": "ping"}] * 20_000) + encoded(answer(text(*["x"] * 5_000)))
    assert len(data) > 500_000
    assert len(read(data, most=100_000)[0]["content"][0]["text"]) == 5_000
