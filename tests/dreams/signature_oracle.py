"""Counts, from a raw transcript file and by rules of its own, which tool errors recur and in which sessions; shares
no line with the product."""

import json
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

type Signature = tuple[str, str]


def normalised(message: str) -> str:
    """Lower case, and every word that holds a digit or is quoted as a hash sign."""
    words = re.sub(r"['\"][^'\"]*['\"]", "#", message.splitlines()[0].lower()).split()
    return " ".join(re.sub(r"\S*\d\S*", "#", word) for word in words)


def errors_of(row: dict[str, Any]) -> list[Signature]:
    names: dict[str, str] = {}
    found = []
    for message in row["messages"]:
        for call in message.get("tool_calls") or []:
            names[call["id"]] = call["function"]["name"]
        if message["role"] == "tool" and message["content"].startswith("Error"):
            found.append((names[message["tool_call_id"]], normalised(message["content"])))
    return found


def recurring(path: Path, *, sessions: int) -> dict[Signature, set[int]]:
    """Signature -> the lines (from 0) whose session shows it, for those in at least so many."""
    where: dict[Signature, set[int]] = defaultdict(set)
    for number, line in enumerate(path.read_text().splitlines()):
        for signature in errors_of(json.loads(line)):
            where[signature].add(number)
    return {signature: found for signature, found in where.items() if len(found) >= sessions}
