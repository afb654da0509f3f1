"""PURE: what the loop knows of a model: a request goes in, a `Reply` comes out, or a `ModelError`."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from agents.storable import storable

CUT_OFF = ("max_tokens", "model_context_window_exceeded")  # why an answer ends in the middle


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A model's answer: Messages-API content blocks, why it stopped, and the four token counters."""

    content: list[dict[str, Any]]
    stop_reason: str
    stop_details: dict[str, Any] | None = None
    usage: dict[str, int] = field(default_factory=dict)

    @property
    def text(self) -> str:
        return "".join(block["text"] for block in self.content if block["type"] == "text")

    @property
    def tool_uses(self) -> list[dict[str, Any]]:
        return [block for block in self.content if block["type"] == "tool_use"]

    @property
    def is_cut_in_call(self) -> bool:
        """Whether the answer came to its limit while it wrote down its last call."""
        return self.stop_reason in CUT_OFF and bool(self.content) and self.content[-1]["type"] == "tool_use"


class ModelError(Exception):
    """A model request without an answer; `type` is the wire's error type, `is_transient` says whether to try again,
    `is_too_long` that the same request could only be answered by a larger model, `retry_after` how many seconds the
    endpoint wants to be left alone."""

    def __init__(
        self, type: str, message: str, *, is_transient: bool, is_too_long: bool = False, retry_after: float = 0.0
    ) -> None:
        super().__init__(message)
        self.type = type
        self.message = message
        self.is_transient = is_transient
        self.is_too_long = is_too_long
        self.retry_after = retry_after


class ModelStopped(Exception):
    """The caller's own `stop` ended the wait for an answer."""


class Listener(Protocol):
    """Hears an answer while the model writes it, block after block."""

    def begins(self, kind: str) -> None:
        """A content block of this type begins."""

    def says(self, text: str) -> None:
        """The next piece of the text block that began last."""

    def ends(self) -> None:
        """The answer is whole."""


class ModelClient(Protocol):
    """What the loop asks of a model; `is_practice` where it is the stand-in on this machine."""

    is_practice: bool

    def make_ready(self) -> None:
        """Do what takes time before the first request of a process, so that none is opened long before it is sent."""

    def answer(
        self,
        request: dict[str, Any],
        *,
        timeout: float | None = None,
        stop: Callable[[], bool] | None = None,
        listener: Listener | None = None,
    ) -> Reply:
        """Send one Messages request, once. Raises `ModelError`, or `ModelStopped` when `stop` turns true. With a
        `listener` the answer is streamed where the endpoint can; the reply is the same."""


TOO_LONG = re.compile(
    r"prompt is too long|exceeds? (the )?(model's )?(maximum )?(context|prompt)|maximum context"
    r"|context[ _](length|window)|too many (input )?tokens",
    re.IGNORECASE,
)


def says_too_long(kind: str, message: str) -> bool:
    """Whether an endpoint refused a request for its length; `kind` is the type of its error. Each says it in its own
    words, and only a refusal of the request itself counts."""
    if kind == "request_too_large":
        return True
    return kind == "invalid_request_error" and bool(TOO_LONG.search(message))


USAGE_COUNTERS = ("input_tokens", "output_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")


def read_reply(body: Any) -> Reply:
    """A Messages reply as plain data -> `Reply`; `ModelError` when it is anything else."""
    try:
        body = storable(body)
        content = [_read_block(block) for block in body["content"]]
        usage = {name: int(body["usage"].get(name) or 0) for name in USAGE_COUNTERS}
        stop_reason = body["stop_reason"]
        if not isinstance(stop_reason, str):
            raise TypeError("stop_reason is missing")
        stop_details = body.get("stop_details")
        if not isinstance(stop_details, dict | None):
            raise TypeError("stop_details is no object")
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise ModelError(
            "model_request_failed_error",
            f"The model endpoint answered something that is not a Messages reply ({_describe(error)}).",
            is_transient=True,
        ) from error
    return Reply(
        content=[block for block in content if block],
        stop_reason=stop_reason,
        stop_details=stop_details,
        usage=usage,
    )


def _read_block(block: dict[str, Any]) -> dict[str, Any]:
    """The part of a block that the loop uses; an empty dict for kinds it does not know."""
    if block["type"] == "text":
        if not isinstance(block["text"], str):
            raise TypeError("a text block without text")
        return {"type": "text", "text": block["text"]}
    if block["type"] == "tool_use":
        if not (isinstance(block["name"], str) and isinstance(block["input"], dict)):
            raise TypeError("a tool_use block without name and input")
        return {"type": "tool_use", "name": block["name"], "input": block["input"]}
    return {"type": "thinking"} if block["type"] in ("thinking", "redacted_thinking") else {}


def _describe(error: Exception) -> str:
    return f"{error} is missing" if isinstance(error, KeyError) else str(error)
