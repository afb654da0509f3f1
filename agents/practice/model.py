"""PURE: one Messages request in, one reply out, the same bytes every time; decides which of its parts to play."""

import re
from typing import Any

from . import agent_role, dreamer, programs, summaries
from .conversation import Conversation, read_conversation
from .requests import problem_with
from .wire import Reply, digest, error, input_tokens, message

QUOTE_CHARACTERS = 200

SMALL = re.compile(r"practice-([1-9][0-9]{0,3})k")  # a model of this name reads so many thousand tokens
DREAM_CALLS = ("record_claims", "record_operations")


def answer(request: Any, *, attempt: int = 0) -> Reply:
    """The reply to one request; `attempt` counts repeats of the same one, for programs that fail only at first."""
    if wrong := problem_with(request):
        return error("invalid_request_error", wrong)
    if too_long := _too_long(request):
        return error("invalid_request_error", too_long)
    conversation = read_conversation(request)
    if conversation.forced:
        return _forced(request, conversation.forced)
    if summaries.is_wanted(conversation.system, conversation.said):
        return Reply(body=message(request, [{"type": "text", "text": summaries.summarise(conversation.said)}]))
    steps = programs.find_program(conversation.said)
    if isinstance(steps, str):
        return error("invalid_request_error", steps)
    if steps is not None:
        return programs.play(request, steps, turns=conversation.turns, attempt=attempt)
    task = agent_role.find_task(conversation)
    if task:
        return Reply(body=message(request, agent_role.act(conversation, task)))
    return Reply(body=message(request, [{"type": "text", "text": echo(conversation)}]))


def _too_long(request: dict[str, Any]) -> str | None:
    small = SMALL.fullmatch(request["model"])
    size = input_tokens(request) if small else 0
    if small and size > (most := int(small[1]) * 1_000):
        return f"prompt is too long: {size} tokens > {most} maximum"
    return None


def count(request: Any) -> Reply:
    if wrong := problem_with(request, counting=True):
        return error("invalid_request_error", wrong)
    return Reply(body={"input_tokens": input_tokens(request)})


def echo(conversation: Conversation) -> str:
    said = " ".join(conversation.said.split())
    quoted = said if len(said) <= QUOTE_CHARACTERS else said[: QUOTE_CHARACTERS - 1] + "…"
    return f"This is the practice model, not a language model: it only plays prepared parts. You said: “{quoted}”"


def _forced(request: dict[str, Any], name: str) -> Reply:
    """A forced call is answered only where a part for it exists: an invented verdict would be worse than none."""
    if name in DREAM_CALLS:
        use = {"type": "tool_use", "name": name, "input": dreamer.reply(request)}
        return Reply(body=message(request, [use]))
    text = f"This is the practice model: it has no part for `{name}`."
    return Reply(body=message(request, [{"type": "text", "text": text}]))


def request_id(request: Any) -> str:
    return f"req_practice{digest(request)[:20]}" if isinstance(request, dict) else "req_practice"
