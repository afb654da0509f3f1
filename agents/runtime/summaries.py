"""Compacts the context of a thread: the model summarises the beginning, and the log keeps what it wrote.

The request shows as no span of its own: between two model requests the contract names one event alone, and clients read
spans as the agent's own answers. What it used is in the event's private part, and counted like any other usage.
"""

from dataclasses import replace

from agents.plugs import model_client
from agents.runtime import rests
from agents.runtime.compaction import Plan, plan, summary_request, summary_text
from agents.runtime.model import ModelError, ModelStopped, Reply
from agents.runtime.model_requests import take_failure
from agents.runtime.turn import Turn
from agents.runtime.turn_events import compacted

TRIES_MAX = 4  # each shows the model half as much as the one before


def compact(turn: Turn, resumes: bool) -> None:
    """Have the model summarise the beginning of the conversation, and log that; `resumes` after a wait."""
    if resumes:
        turn.commit(turn.running())
    conversation = turn.log.conversation
    room = turn.room - conversation.extent.overhead
    kept = plan(conversation.messages, room=room, compactions=turn.position.compactions)
    try:
        reply = _ask(turn, kept)
    except ModelStopped:
        rests.interrupt(turn)
    except ModelError as failure:
        take_failure(turn, [], failure)
    else:
        keeps_from = None if kept.keeps_from is None else conversation.start_of(kept.keeps_from)
        turn.commit([compacted(summary_text(reply.text, turn.window), keeps_from, kept.text_max, reply.usage)])


def _ask(turn: Turn, kept: Plan) -> Reply:
    messages = turn.log.conversation.messages
    window = replace(turn.window, size=min(turn.window.size, turn.room * 2))
    turn.about_to_ask()
    for tries in range(TRIES_MAX):
        request = summary_request(turn.thread.agent_snapshot, messages, kept, window=window, tries=tries)
        try:
            reply: Reply = model_client().answer(request, stop=turn.should_stop)
        except ModelError as failure:
            if not failure.is_too_long:
                raise
            refusal = failure
        else:
            if reply.text.strip():
                return reply
            raise ModelError("model_request_failed_error", "The model wrote no summary.", is_transient=True)
    raise ModelError("compaction_limit_reached_error", refusal.message, is_transient=False)
