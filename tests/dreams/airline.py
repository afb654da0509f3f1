"""Real sessions from outside the project as wire events; who has not got the file skips the tests that want it."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
SESSIONS = DATA / "airline-sessions.jsonl"
INJECTIONS = DATA / "injections-tune.jsonl"

needs_sessions = pytest.mark.skipif(not SESSIONS.exists(), reason=f"{SESSIONS} is not here")
needs_injections = pytest.mark.skipif(not INJECTIONS.exists(), reason=f"{INJECTIONS} is not here")


@cache
def rows() -> tuple[dict[str, Any], ...]:
    return tuple(json.loads(line) for line in SESSIONS.read_text().splitlines())


@cache
def payloads() -> tuple[dict[str, str], ...]:
    return tuple(json.loads(line) for line in INJECTIONS.read_text().splitlines())


def wire_events(row: dict[str, Any], prefix: str) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []

    def add(kind: str, **members: Any) -> str:
        events.append(
            {"id": f"{prefix}_{len(events)}", "type": kind, "processed_at": "2026-11-02T09:00:00Z", **members}
        )
        return str(events[-1]["id"])

    calls: dict[str, str] = {}
    for message in row["messages"]:
        content = [{"type": "text", "text": message.get("content") or ""}]
        if message["role"] == "user":
            add("user.message", content=content)
        elif message["role"] == "assistant":
            if message.get("content"):
                add("agent.message", content=content)
            for call in message.get("tool_calls") or []:
                function = call["function"]
                calls[call["id"]] = add(
                    "agent.custom_tool_use", name=function["name"], input=json.loads(function["arguments"])
                )
        elif message["role"] == "tool":
            failed = message["content"].startswith("Error")
            add(
                "user.custom_tool_result",
                custom_tool_use_id=calls[message["tool_call_id"]],
                content=content,
                is_error=failed,
            )
    return events


def tools_of(row: dict[str, Any]) -> frozenset[str]:
    calls = [call for message in row["messages"] for call in message.get("tool_calls") or []]
    return frozenset(call["function"]["name"] for call in calls)
