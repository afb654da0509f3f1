"""A process of its own that judges demo sessions: `python -m dreams.demo.checker`, its order as JSON on standard input.

It is neither the agent nor the model: it reads each session through the public API with an ordinary key, compares the
hash of the last answer with the one it was given, and posts a verdict. It knows no task, no program and no answer.

The order: `{"base_url", "api_key", "salt", "expected": {session id: hash}}`. It arrives by standard input because a
command line can be read by everyone on the machine.
"""

import json
import sys
from dataclasses import dataclass
from typing import Any

import anthropic

from dreams.demo.answers import answer_hash, read_answer

RIGHT = "The answer is the expected one."
WRONG = "The answer is not the expected one."
NO_ANSWER = "The session ended without an answer."


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    result: str
    explanation: str


def judge(words: str, *, salt: str, session_id: str, expected: str) -> Judgement:
    answer = read_answer(words)
    if answer is None:
        return Judgement(result="failed", explanation=NO_ANSWER)
    if answer_hash(salt, session_id, answer) != expected:
        return Judgement(result="failed", explanation=WRONG)
    return Judgement(result="completed", explanation=RIGHT)


def last_words(client: anthropic.Anthropic, session_id: str) -> str:
    """The text of the agent's last message; empty where it never spoke."""
    events = client.beta.sessions.events.list(session_id, order="desc", types=["agent.message"], limit=1)
    for event in events:
        if event.type == "agent.message":
            return "\n".join(block.text for block in event.content if block.type == "text")
    return ""


def check_session(client: anthropic.Anthropic, session_id: str, order: dict[str, Any]) -> Judgement:
    words = last_words(client, session_id)
    judgement = judge(words, salt=order["salt"], session_id=session_id, expected=order["expected"][session_id])
    body = {"result": judgement.result, "explanation": judgement.explanation}
    client.post(f"/v1/sessions/{session_id}/verdict", body=body, cast_to=object)
    return judgement


def main() -> int:
    order = json.load(sys.stdin)
    # Closed here: the interpreter's exit takes a client apart in no order, and tells the operator so.
    with anthropic.Anthropic(base_url=order["base_url"], api_key=order["api_key"], timeout=30) as client:
        return _check_all(client, order)


def _check_all(client: anthropic.Anthropic, order: dict[str, Any]) -> int:
    failures = 0
    for session_id in order["expected"]:
        try:
            judgement = check_session(client, session_id, order)
        except anthropic.APIError as error:
            failures += 1
            sys.stderr.write(f"{session_id}: {error}\n")
        else:
            sys.stdout.write(json.dumps({"session": session_id, "result": judgement.result}) + "\n")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
