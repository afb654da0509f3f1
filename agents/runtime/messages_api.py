"""The network client behind `ModelClient`: the official `anthropic` package, sent once; the loop decides on retries."""

import json
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

import anthropic
import httpx2
from django.conf import settings

from agents import limits
from agents.runtime.conversation import request_json
from agents.runtime.message_stream import MessageStream
from agents.runtime.model import Listener, ModelError, ModelStopped, Reply, read_reply, says_too_long

CONNECT_SECONDS = 10.0
LOOK_SECONDS = 0.5  # how often a waiting turn looks whether it was interrupted
UNPAID = "billing_error"
TYPES = {400: "invalid_request_error", 413: "request_too_large"}
KINDS = {402: UNPAID, 429: "model_rate_limited_error", 529: "model_overloaded_error"}
_requests = ThreadPoolExecutor(max_workers=1_000, thread_name_prefix="model-request")  # at most one for each slot


class MessagesClient:
    """Any endpoint that speaks the Messages API; `is_practice` when it is our own stand-in."""

    def __init__(self) -> None:
        self.is_practice = not settings.ANTHROPIC_API_KEY
        self._making = threading.Lock()
        self._made: anthropic.Anthropic | None = None

    @property
    def _client(self) -> anthropic.Anthropic:
        """Made by whoever asks the model: the parent of the workers never does, and must not leave one to its exit.
        Made once, also when all slots of a new worker ask: each takes 30 ms and half a megabyte."""
        if self._made is None:
            with self._making:
                self._made = self._made or self._new()
        return self._made

    def _new(self) -> anthropic.Anthropic:
        return anthropic.Anthropic(
            base_url=settings.ANTHROPIC_BASE_URL,
            api_key=settings.ANTHROPIC_API_KEY or "practice",
            max_retries=0,
            timeout=anthropic.Timeout(limits.MODEL_TIMEOUT_SECONDS, connect=CONNECT_SECONDS),
        )

    def make_ready(self) -> None:
        self._client  # noqa: B018 (reading it makes it)

    def answer(
        self,
        request: dict[str, Any],
        *,
        timeout: float | None = None,
        stop: Callable[[], bool] | None = None,
        listener: Listener | None = None,
    ) -> Reply:
        given_up = threading.Event()
        if stop is None:
            return self._answer(request, timeout, listener, given_up)
        # The wait must end at once when a client interrupts; the request ends behind it, with its next byte.
        waiting = _requests.submit(self._answer, request, timeout, listener, given_up)
        try:
            while not wait([waiting], LOOK_SECONDS).done:
                if stop():
                    raise ModelStopped
            return waiting.result()
        finally:
            given_up.set()

    def _answer(
        self, request: dict[str, Any], timeout: float | None, listener: Listener | None, given_up: threading.Event
    ) -> Reply:
        options: dict[str, Any] = {} if timeout is None else {"timeout": timeout}
        if listener:
            options["stream"] = True
        deadline = time.monotonic() + (timeout or limits.MODEL_TIMEOUT_SECONDS)
        try:
            with closing(self._send(request, **options)) as answer:
                chunks = _in_time(answer.iter_bytes(), deadline, given_up)
                # Some endpoints answer in one piece, whatever they are asked.
                is_stream = answer.headers.get("content-type", "").startswith("text/event-stream")
                body = _streamed(chunks, listener) if listener and is_stream else json.loads(_whole(chunks))
        except anthropic.APIStatusError as error:
            raise _status_error(error) from error
        except (anthropic.APITimeoutError, httpx2.TimeoutException, TimeoutError) as error:
            raise _failed("The model endpoint did not answer in time.") from error
        except (anthropic.APIConnectionError, httpx2.HTTPError) as error:
            cause = error.__cause__ or error
            raise _failed(f"The model endpoint {_shown()} cannot be reached: {cause}.") from error
        except (anthropic.APIError, ValueError, RecursionError) as error:
            raise _failed("The model endpoint answered something that is not JSON.") from error
        return read_reply(body)

    def _send(self, request: dict[str, Any], *, timeout: float | None = None, stream: bool = False) -> Any:
        """By the client's own `post`: `messages.create` walks through the whole conversation to check it, each time."""
        body = request_json({**request, "stream": True} if stream else request)
        options: Any = {"headers": {"content-type": "application/json", "x-stainless-raw-response": "stream"}}
        if timeout is not None:
            options["timeout"] = timeout
        return self._client.post("/v1/messages", cast_to=object, content=body, options=options)


def _in_time(chunks: Iterable[bytes], deadline: float, given_up: threading.Event) -> Iterator[bytes]:
    """The client's own timeout counts from byte to byte, so an answer that trickles would never end."""
    for chunk in chunks:
        if given_up.is_set():
            raise ModelStopped
        yield chunk
        if time.monotonic() > deadline:
            raise TimeoutError


def _streamed(chunks: Iterable[bytes], listener: Listener) -> dict[str, Any]:
    stream = MessageStream(listener, most=limits.MODEL_REPLY_MAX_BYTES)
    try:
        for chunk in chunks:
            stream.feed(chunk)
    except httpx2.TimeoutException:
        raise
    except httpx2.HTTPError as error:
        raise _failed(f"The model endpoint broke off in the middle of its answer: {error}.") from error
    return stream.body()


def _whole(chunks: Iterable[bytes]) -> bytes:
    data = bytearray()
    for chunk in chunks:
        data += chunk
        if len(data) > limits.MODEL_REPLY_MAX_BYTES:
            raise _failed(f"The model endpoint answered more than {limits.MODEL_REPLY_MAX_BYTES:,} bytes.")
    return bytes(data)


def _shown() -> str:
    """Its address without the user and password that it may name: clients read what went wrong."""
    parts = urlsplit(settings.ANTHROPIC_BASE_URL)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="").geturl()


def _failed(message: str) -> ModelError:
    return ModelError("model_request_failed_error", message, is_transient=True)


def _status_error(error: anthropic.APIStatusError) -> ModelError:
    told = _told(error)
    kind = KINDS.get(error.status_code, "model_request_failed_error")
    kind = UNPAID if told.get("type") == UNPAID else kind
    is_transient = kind != UNPAID and (error.status_code in (408, 409, 429) or error.status_code >= 500)
    said = str(told.get("message", "") if told else error.message)[:500]
    is_too_long = error.status_code in (400, 413) and says_too_long(TYPES[error.status_code], said)
    message = f"The model endpoint answered {error.status_code}: {said}"
    retry_after = _seconds(error.response.headers.get("retry-after", ""))
    return ModelError(kind, message, is_transient=is_transient, is_too_long=is_too_long, retry_after=retry_after)


def _seconds(text: str) -> float:
    """Of a `retry-after` header; a date or nonsense says nothing."""
    return float(text) if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text, re.ASCII) else 0.0


def _told(error: anthropic.APIStatusError) -> dict[str, Any]:
    """The error object of the answer, where it has one."""
    told = error.body.get("error") if isinstance(error.body, dict) else None
    return told if isinstance(told, dict) else {}
