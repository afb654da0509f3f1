"""A Messages endpoint on loopback that streams what a test writes, frame by frame, and waits where the test says so."""

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.loopback import serving

type Event = dict[str, Any]


@dataclass(frozen=True)
class Refused:
    """An error in the place of an answer."""

    status: int
    type: str
    message: str


type Script = Callable[[dict[str, Any]], Iterable[Event | bytes] | Refused]

USAGE = {"input_tokens": 7, "output_tokens": 3}
START: Event = {
    "type": "message_start",
    "message": {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [], "usage": USAGE},
}


class ScriptedModel:
    """`script` makes the frames of the answer to a request; a dict is one event, bytes go out as they are."""

    def __init__(self) -> None:
        self.url = ""
        self.script: Script = lambda request: [*answer(text("nothing"))]
        self.requests: list[dict[str, Any]] = []


def block(kind: str, deltas: Iterable[Event], **members: Any) -> Iterator[Event]:
    yield {"type": "content_block_start", "content_block": {"type": kind, **members}}
    for delta in deltas:
        yield {"type": "content_block_delta", "delta": delta}
    yield {"type": "content_block_stop"}


def text(*pieces: str) -> Iterator[Event]:
    return block("text", ({"type": "text_delta", "text": piece} for piece in pieces), text="")


def thinking(*pieces: str) -> Iterator[Event]:
    deltas = ({"type": "thinking_delta", "thinking": piece} for piece in pieces)
    return block("thinking", deltas, thinking="", signature="")


def use(name: str, *pieces: str, id: str = "toolu_1") -> Iterator[Event]:
    deltas = ({"type": "input_json_delta", "partial_json": piece} for piece in pieces)
    return block("tool_use", deltas, id=id, name=name, input={})


def answer(*blocks: Iterable[Event], stop_reason: str = "end_turn") -> Iterator[Event]:
    yield from beginning(*blocks)
    yield {"type": "message_delta", "delta": {"stop_reason": stop_reason}, "usage": {"output_tokens": 9}}
    yield {"type": "message_stop"}


def beginning(*blocks: Iterable[Event]) -> Iterator[Event]:
    """An answer without its end."""
    yield START
    for index, events in enumerate(blocks):
        for event in events:
            yield {**event, "index": index}


@contextmanager
def scripted_model() -> Iterator[ScriptedModel]:
    model = ScriptedModel()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *args: Any) -> None:
            pass

        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["content-length"])))
            model.requests.append(request)
            frames = model.script(request)
            if isinstance(frames, Refused):
                self.refuse(frames)
                return
            self.send_response(200)
            if request.get("stream"):
                self.send_header("content-type", "text/event-stream; charset=utf-8")
                self.end_headers()
                with suppress(OSError):
                    for frame in frames:
                        self.wfile.write(frame if isinstance(frame, bytes) else as_frame(frame))
            else:
                body = json.dumps(whole(frames)).encode()
                self.send_header("content-type", "application/json")
                self.end_headers()
                with suppress(OSError):
                    self.wfile.write(body)

        def refuse(self, refused: Refused) -> None:
            error = {"type": refused.type, "message": refused.message}
            self.send_response(refused.status)
            self.send_header("content-type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps({"type": "error", "error": error}).encode())

    with serving(Handler) as server:
        model.url = server.base
        yield model


def as_frame(event: Event) -> bytes:
    return f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()


def whole(frames: Iterable[Event | bytes]) -> dict[str, Any]:
    """The same answer in one piece, put together by hand."""
    content: list[dict[str, Any]] = []
    ending: dict[str, Any] = {}
    arguments = ""
    for frame in frames:
        assert isinstance(frame, dict)
        delta = frame.get("delta", {})
        match frame["type"]:
            case "content_block_start":
                content.append({**frame["content_block"]})
                arguments = ""
            case "content_block_delta" if delta["type"] == "input_json_delta":
                arguments += delta["partial_json"]
            case "content_block_delta":
                name = delta["type"].removesuffix("_delta")
                content[-1][name] += delta[name]
            case "content_block_stop" if arguments:
                content[-1]["input"] = json.loads(arguments)
            case "message_delta":
                ending = delta
    return {**START["message"], "content": content, **ending}
