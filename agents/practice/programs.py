"""PURE: plays a program that a person's message carries, step by step, its place found in the conversation itself.

A line `practice: {"steps": [...]}` in the last thing said is the program; each assistant turn since then is one step.
A step: `text`, `thinking`, `tool` with `input`, or `tools` for several calls at once; `stop_reason`; `delay_ms`; or a
fault: `error` with `status`, `type` and `message`, or `garbage`, `hang`, `disconnect`, or `half`, which breaks off
in the middle of its `text` where that is streamed. A fault stands for ever, or with `times` for the first N attempts at
the same request.
"""

import json
import re
from typing import Any

from .conversation import Block
from .wire import Reply, error, message

PROGRAM = re.compile(r"^\s*practice:\s*(\{.*\})\s*$", re.MULTILINE)
NETWORK_FAULTS = ("garbage", "hang", "disconnect", "half")
AT_THE_END = "Practice model: the program has no further step."

Step = dict[str, Any]


def find_program(said: str) -> list[Step] | str | None:
    """The steps, a sentence on what is wrong with them, or None where nothing asks for a program."""
    lines = PROGRAM.findall(said)
    if not lines:
        return None
    try:
        steps = json.loads(lines[-1]).get("steps")
    except ValueError as wrong:
        return f"practice program: {wrong}"
    if not isinstance(steps, list) or not all(isinstance(step, dict) for step in steps):
        return "practice program: steps must be a list of objects"
    return steps


def play(request: dict[str, Any], steps: list[Step], *, turns: int, attempt: int) -> Reply:
    """The step after `turns` assistant turns; faults take no turn, attempts alone pass them."""
    position = 0
    for step in steps:
        if _is_fault(step):
            if position == turns:
                if "times" not in step or attempt < int(step["times"]):
                    return _fault(request, step)
                attempt -= int(step["times"])
        elif position == turns:
            delay_ms = int(step.get("delay_ms", 0))
            return Reply(body=message(request, blocks_of_step(step), step.get("stop_reason")), delay_ms=delay_ms)
        else:
            position += 1
    return Reply(body=message(request, [{"type": "text", "text": AT_THE_END}]))


def blocks_of_step(step: Step) -> list[Block]:
    blocks: list[Block] = []
    if step.get("thinking"):
        blocks.append({"type": "thinking", "thinking": str(step["thinking"]), "signature": "practice"})
    if step.get("text"):
        blocks.append({"type": "text", "text": str(step["text"])})
    for use in step.get("tools") or ([step] if step.get("tool") else []):
        blocks.append({"type": "tool_use", "name": use.get("tool") or use.get("name"), "input": use.get("input") or {}})
    return blocks


def _is_fault(step: Step) -> bool:
    return "error" in step or any(step.get(fault) for fault in NETWORK_FAULTS)


def _fault(request: dict[str, Any], step: Step) -> Reply:
    delay_ms = int(step.get("delay_ms", 0))
    for fault in NETWORK_FAULTS:
        if step.get(fault):
            body = message(request, blocks_of_step(step)) if fault == "half" else {}
            return Reply(body=body, fault=fault, delay_ms=delay_ms)
    wanted = step["error"]
    kind = wanted.get("type", "api_error")
    failed = error(kind, wanted.get("message", "asked for by the practice program"), status=wanted.get("status"))
    return Reply(body=failed.body, status=failed.status, delay_ms=delay_ms)
