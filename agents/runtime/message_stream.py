"""PURE: puts a streamed Messages reply together again, and tells a listener what it says while it is written."""

import json
from typing import Any

from agents.runtime.model import CUT_OFF, Listener, ModelError, says_too_long

ERRORS = {
    "rate_limit_error": "model_rate_limited_error",
    "overloaded_error": "model_overloaded_error",
    "billing_error": "billing_error",
}
FINAL_ERRORS = (
    "billing_error",
    "invalid_request_error",
    "authentication_error",
    "permission_error",
    "not_found_error",
    "request_too_large",
)


class MessageStream:
    """Feed it bytes as they arrive; `body()` is the reply once all of it is there. It keeps `most` bytes at most: the
    frames around the pieces are many times as large as what they say, and are not kept."""

    def __init__(self, listener: Listener, *, most: int) -> None:
        self._listener, self._most = listener, most
        self._line: list[bytes] = []
        self._line_size = self._kept = 0
        self._data: list[bytes] = []
        self._body: dict[str, Any] = {}
        self._blocks: list[dict[str, Any]] = []
        self._open: int | None = None  # index of the block that is being written; they never overlap
        self._pieces: list[str] = []
        self._is_whole = False
        self._unread: ValueError | None = None  # the input of a call that was cut off, or none at all

    def feed(self, chunk: bytes) -> None:
        first, *lines = chunk.split(b"\n")
        self._extend_line(first)
        for line in lines:
            self._take_line(b"".join(self._line).rstrip(b"\r"))
            self._line, self._line_size = [], 0
            self._extend_line(line)

    def body(self) -> dict[str, Any]:
        if not self._is_whole:
            raise _failed("The model endpoint broke off in the middle of its answer.")
        return {**self._body, "content": self._blocks}

    # Frames

    def _extend_line(self, part: bytes) -> None:
        self._line.append(part)
        self._line_size += len(part)
        self._check(self._kept + self._line_size)

    def _keep(self, size: int) -> None:
        self._kept += size
        self._check(self._kept)

    def _check(self, size: int) -> None:
        if size > self._most:
            raise _failed(f"The model endpoint answered more than {self._most:,} bytes.")

    def _take_line(self, line: bytes) -> None:
        if line.startswith(b"data:"):
            self._keep(len(line))
            self._data.append(line[5:])
        elif not line and self._data:
            data = b"\n".join(self._data)
            self._kept -= sum(len(part) + 5 for part in self._data)
            self._data = []
            self._take_event(data)

    def _take_event(self, data: bytes) -> None:
        try:
            event = json.loads(data)
            self._take(event["type"], event, len(data))
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            why = f"{error} is missing" if isinstance(error, KeyError) else str(error)
            raise _failed(f"The model endpoint streamed something that is not a Messages reply ({why}).") from error

    # What they say

    def _take(self, kind: str, event: dict[str, Any], size: int) -> None:
        match kind:
            case "message_start":
                self._keep(size)
                self._body = {**event["message"]}
            case "content_block_start":
                self._keep(size)
                self._begin(event["index"], event["content_block"])
            case "content_block_delta":
                self._add(event["index"], event["delta"])
            case "content_block_stop":
                self._finish(event["index"])
            case "message_delta":
                self._body.update(event["delta"])
                self._body["usage"] = {**self._body["usage"], **(event.get("usage") or {})}
            case "message_stop":
                self._expect(None)
                if self._unread and self._body.get("stop_reason") not in CUT_OFF:
                    raise self._unread
                self._is_whole = True
                self._listener.ends()
            case "error":
                raise _told(event["error"])

    def _expect(self, index: int | None) -> None:
        if self._open != index:
            raise ValueError("its blocks overlap")

    def _begin(self, index: int, block: dict[str, Any]) -> None:
        self._expect(None)
        if self._unread:  # only the end of an answer is cut off
            raise self._unread
        self._open, self._pieces = index, []
        self._blocks.append({**block})
        self._listener.begins(block["type"])
        if block["type"] == "text":
            self._say(block.get("text") or "")

    def _add(self, index: int, delta: dict[str, Any]) -> None:
        self._expect(index)
        if delta["type"] == "text_delta":
            self._say(delta["text"])
        elif delta["type"] == "input_json_delta":
            self._collect(delta["partial_json"])

    def _say(self, text: str) -> None:
        self._collect(text)
        self._listener.says(text)

    def _collect(self, piece: str) -> None:
        self._keep(len(piece.encode("utf-8", "surrogatepass")))
        self._pieces.append(piece)

    def _finish(self, index: int) -> None:
        self._expect(index)
        block, said = self._blocks[-1], "".join(self._pieces)
        if block["type"] == "text":
            block["text"] = said
        elif block["type"] == "tool_use" and said:
            self._read_input(block, said)
        self._open = None

    def _read_input(self, block: dict[str, Any], said: str) -> None:
        try:
            block["input"] = json.loads(said)
        except ValueError as error:
            block["input"], self._unread = {}, error


def _told(error: dict[str, Any]) -> ModelError:
    kind = error["type"]
    message = f"The model endpoint broke off with {kind}: {str(error.get('message', ''))[:500]}"
    return ModelError(
        ERRORS.get(kind, "model_request_failed_error"),
        message,
        is_transient=kind not in FINAL_ERRORS,
        is_too_long=says_too_long(kind, message),
    )


def _failed(message: str) -> ModelError:
    return ModelError("model_request_failed_error", message, is_transient=True)
