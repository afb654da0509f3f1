"""Asks a model for one forced tool call: waits and tries again where the endpoint fails, asks once more where the
answer has not the agreed form. Knows no tables, so that many can wait at once in threads."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from agents.plugs import model_client
from agents.runtime.model import ModelError
from dreams.forced_calls import forced_input
from dreams.limits import MODEL_ATTEMPTS, MODEL_BACKOFF_SECONDS, MODEL_TIMEOUT_SECONDS

type Parser = Callable[[Any], list[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One model request: its usage, or the error that it ended with."""

    usage: dict[str, int] = field(default_factory=dict)
    error: ModelError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came of asking. `given` is the forced call's input, `items` its list; `problem` says why there is none,
    `failure` is the endpoint's last error when it never answered."""

    attempts: tuple[Attempt, ...]
    given: Any = None
    items: tuple[Any, ...] = ()
    problem: str = ""
    failure: ModelError | None = None


def ask(request: dict[str, Any], parse: Parser) -> Answer:
    """Send the request; an answer that cannot be used is asked for once more, with what was wrong with it."""
    attempts: list[Attempt] = []
    tool = request["tool_choice"]["name"]
    problem = ""
    for body in (request, None):
        sent = body if body is not None else _again(request, problem)
        try:
            reply = _send(sent, attempts)
        except ModelError as error:
            return Answer(attempts=tuple(attempts), problem=error.message, failure=error)
        try:
            given = forced_input(reply.content, tool)
            return Answer(attempts=tuple(attempts), given=given, items=tuple(parse(given)))
        except ValueError as error:
            why = {"refusal": " (it refused)", "max_tokens": " (it was cut off)"}.get(reply.stop_reason, "")
            problem = f"{error}{why}"
    return Answer(attempts=tuple(attempts), problem=problem)


def _send(request: dict[str, Any], attempts: list[Attempt]) -> Any:
    for attempt in range(MODEL_ATTEMPTS):
        try:
            reply = model_client().answer(request, timeout=MODEL_TIMEOUT_SECONDS)
        except ModelError as error:
            attempts.append(Attempt(error=error))
            if not error.is_transient or attempt == MODEL_ATTEMPTS - 1:
                raise
            time.sleep(MODEL_BACKOFF_SECONDS[min(attempt, len(MODEL_BACKOFF_SECONDS) - 1)])
        else:
            attempts.append(Attempt(usage=reply.usage))
            return reply
    raise AssertionError("unreachable: the last attempt raises or returns")


def _again(request: dict[str, Any], problem: str) -> dict[str, Any]:
    tool = request["tool_choice"]["name"]
    text = f"Your last answer could not be used: {problem} Call {tool} in the agreed form."
    first = request["messages"][0]
    content = [{"type": "text", "text": first["content"]}, {"type": "text", "text": text}]
    return {**request, "messages": [{**first, "content": content}]}
