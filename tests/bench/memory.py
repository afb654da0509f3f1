"""How much memory the product takes, shared pages counted once: idle, and after many sessions."""

import json
import threading
import time
from typing import Any

import psutil

from tests.bench.client import Product
from tests.bench.report import Row
from tests.bench.turns import MESSAGE, wait_until_answered

SETTLE_SECONDS = 5.0
MEGABYTE = 1_000_000
SESSIONS, SENDERS = 500, 4
TOOL_EVERY = 25  # sessions of which one runs a command; its box stays open for the next
PROGRAM = {"steps": [{"tool": "bash", "input": {"command": "seq 1 200"}}, {"text": "Done."}]}
COMMAND: Any = [
    {"type": "user.message", "content": [{"type": "text", "text": f"practice: {json.dumps(PROGRAM)}"}]},
]


def idle_and_after(product: Product) -> list[Row]:
    time.sleep(SETTLE_SECONDS)
    ours, _ = parted(product)
    idle, added_up = pss(ours), sum(process.memory_info().rss for process in ours)
    serve_sessions(product)
    time.sleep(SETTLE_SECONDS)
    after, boxes = parted(product)
    return [
        Row(what="idle stack, PSS", value=f"{idle / MEGABYTE:.0f} MB", goal="300 MB"),
        Row(what="idle stack, RSS added up (shared pages counted in each)", value=f"{added_up / MEGABYTE:.0f} MB"),
        Row(what="idle stack, processes", value=str(len(ours))),
        Row(what=f"growth after {SESSIONS} sessions", value=f"{(pss(after) - idle) / MEGABYTE:.0f} MB", goal="60 MB"),
        Row(
            what=f"beside it, boxes that stay open for {SESSIONS // TOOL_EVERY} sessions with tools",
            value=f"{pss(boxes) / MEGABYTE:.0f} MB",
        ),
    ]


def parted(product: Product) -> tuple[list[psutil.Process], list[psutil.Process]]:
    """Our own processes, and what runs in the boxes of sessions."""
    everything = product.processes()
    outer = [process for process in everything if process.name() == "bwrap"]
    boxed = {inner.pid for process in outer for inner in [process, *process.children(recursive=True)]}
    return (
        [process for process in everything if process.pid not in boxed],
        [process for process in everything if process.pid in boxed],
    )


def pss(processes: list[psutil.Process]) -> int:
    return sum(process.memory_full_info().pss for process in processes)


def serve_sessions(product: Product) -> None:
    """A turn in each of many new sessions."""
    sessions = [product.new_session() for _ in range(SESSIONS)]

    def send(part: list[str]) -> None:
        client = product.client()
        for session in part:
            with_tool = sessions.index(session) % TOOL_EVERY == 0
            client.beta.sessions.events.send(session, events=COMMAND if with_tool else MESSAGE)

    senders = [threading.Thread(target=send, args=(sessions[number::SENDERS],)) for number in range(SENDERS)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    wait_until_answered(sessions, turns=1)
