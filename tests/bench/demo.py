"""What the demo's numbers depend on, as one table: `python -m tests.bench.demo`. Practice model, generated tasks.

Seeds 101 to 110 were never looked at while the world's parameters were chosen. `learned` is what a dream can know: the
cures that some session of the first round found out.
"""

import tempfile
from pathlib import Path
from typing import Any

from agents.practice import agent_role, model
from dreams.demo.world import build_world
from tests.bench.report import Row, print_table
from tests.dreams.quirk_world import Box, Run, rate, right_memory, run_round, shown_by, shuffled_memory

SEEDS = range(101, 111)
BUDGETS = (4, 6, 8, 12)
CHOICES = (8, 16, 24)


def measure(box: Box, budget: int, choices: int) -> str:
    agent_role.PROGRAM_CALLS_MAX = budget
    arms: dict[str, list[Run]] = {"none": [], "learned": [], "all": [], "shuffled": []}
    for number in SEEDS:
        world, again = build_world(f"bench-{number}", choices=choices), f"bench-{number}/2"
        first = run_round(ask, box, world, f"bench-{number}/1")
        arms["none"] += run_round(ask, box, world, again)
        arms["learned"] += run_round(ask, box, world, again, right_memory(world, shown_by(first, world)))
        arms["all"] += run_round(ask, box, world, again, right_memory(world))
        arms["shuffled"] += run_round(ask, box, world, again, shuffled_memory(world))
    shares = "  ".join(f"{name} {rate(runs):.2f}" for name, runs in arms.items())
    return f"{shares}  (n = {len(arms['none'])})"


def ask(request: dict[str, Any]) -> dict[str, Any]:
    return model.answer(request).body


def main() -> None:
    rows = []
    for choices in CHOICES:
        with tempfile.TemporaryDirectory() as folder:
            box = Box(Path(folder))
            for budget in BUDGETS:
                rows.append(Row(what=f"{choices} choices, {budget} calls", value=measure(box, budget, choices)))
    print_table(rows)


if __name__ == "__main__":
    main()
