"""Many sessions at once against a model that takes its time: what is left of a machine when turns mostly wait."""

import json
import threading
import time
from typing import Any

from tests.bench.client import Product
from tests.bench.report import Row
from tests.bench.turns import wait_until_answered

SESSIONS, TURNS_EACH, SENDERS = 200, 5, 2
MODEL_MS = 500
# Waiting turns hold a slot each: 170 turns a second that wait half a second are 85 at a time. Two processes, because a
# turn's own work is 7 ms of one core: a single one ends at 140 turns a second.
WORKERS, SLOTS = 2, 80
OPTIONS, SETTINGS = ("--workers", str(WORKERS)), {"LUCID_TURN_SLOTS": str(SLOTS)}
PROGRAM = json.dumps({"steps": [{"text": "Done.", "delay_ms": MODEL_MS}]})
MESSAGE: Any = [{"type": "user.message", "content": [{"type": "text", "text": f"practice: {PROGRAM}"}]}]


def throughput(product: Product) -> list[Row]:
    sessions = [product.new_session() for _ in range(SESSIONS)]
    cpu, began = product.cpu_by_part(), time.perf_counter()
    senders = [threading.Thread(target=send, args=(product, sessions[number::SENDERS])) for number in range(SENDERS)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    wait_until_answered(sessions, turns=TURNS_EACH)
    seconds, after = time.perf_counter() - began, product.cpu_by_part()
    turns = SESSIONS * TURNS_EACH
    used = {part: (after[part] - before) / turns * 1000 for part, before in cpu.items()}
    what = f"{SESSIONS} sessions x {TURNS_EACH} turns, model {MODEL_MS} ms, {WORKERS} x {SLOTS} slots"
    return [
        Row(what=what, value=f"{turns / seconds:.0f} turns/s", goal="170 turns/s"),
        Row(what="CPU per turn, all processes", value=f"{sum(used.values()):.1f} ms"),
        *(Row(what=f"  of it {part}", value=f"{milliseconds:.1f} ms") for part, milliseconds in used.items()),
        Row(what="CPU of the machine's cores in use", value=f"{sum(used.values()) * turns / seconds / 1000:.2f} cores"),
    ]


def send(product: Product, sessions: list[str]) -> None:
    client = product.client()
    for session in sessions:
        client.beta.sessions.events.send(session, events=MESSAGE * TURNS_EACH)
