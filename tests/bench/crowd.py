"""Many sessions at once against a model that takes its time: what is left of a machine when turns mostly wait."""

import json
from typing import Any

from tests.bench.client import Product
from tests.bench.report import Row
from tests.bench.turns import cpu_per_turn, worked_off

SESSIONS, TURNS_EACH = 200, 5
MODEL_MS = 500
# Waiting turns hold a slot each: 170 turns a second that wait half a second are 85 at a time. Two processes, because a
# turn's own work is 7 ms of one core: a single one ends at 140 turns a second.
WORKERS, SLOTS = 2, 80
OPTIONS, SETTINGS = ("--workers", str(WORKERS)), {"LUCID_TURN_SLOTS": str(SLOTS)}
PROGRAM = json.dumps({"steps": [{"text": "Done.", "delay_ms": MODEL_MS}]})
MESSAGE: Any = [{"type": "user.message", "content": [{"type": "text", "text": f"practice: {PROGRAM}"}]}]


def throughput(product: Product) -> list[Row]:
    seconds, used = worked_off(product, SESSIONS, MESSAGE * TURNS_EACH)
    turns = SESSIONS * TURNS_EACH
    what = f"{SESSIONS} sessions x {TURNS_EACH} turns, model {MODEL_MS} ms, {WORKERS} x {SLOTS} slots"
    return [
        Row(what=what, value=f"{turns / seconds:.0f} turns/s", goal="170 turns/s"),
        *cpu_per_turn(used, turns),
        Row(what="CPU of the product's processes", value=f"{sum(used.values()) / seconds:.2f} cores"),
    ]
