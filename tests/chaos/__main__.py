"""Starts the product on a new data folder, ends its parts at random under load, and fails where anything was lost.
`uv run python -m tests.chaos [SECONDS] [SEED]`; `DATABASE_URL` names a database of its own, else it is SQLite."""

import os
import secrets
import shutil
import sys
import time
from collections import Counter
from pathlib import Path

from tests.bench.__main__ import prepare_django
from tests.stack import running_up, short_folder

RECOVERY_SECONDS = 10.0  # what the product promises after the last kill


def main() -> int:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 120.0
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else secrets.randbelow(10_000)
    folder = short_folder()
    prepare_django(folder)
    print(f"seed {seed}, {seconds:.0f} s", flush=True)
    try:
        return report(folder, seconds, seed)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def report(folder: Path, seconds: float, seed: int) -> int:
    from django.conf import settings

    from tests.bench.client import Product
    from tests.chaos.model import running_model
    from tests.chaos.run import chaos

    database = {"DATABASE_URL": os.environ["DATABASE_URL"]} if os.environ.get("DATABASE_URL") else {}
    with running_model(folder) as model, running_up(folder, "--no-demo", **database, **model.environment) as stack:
        began = time.monotonic()
        found = chaos(stack, Product.of(stack).client(), settings.REDIS_URL, model, seconds=seconds, seed=seed)
        faults = [line for line in stack.output().splitlines() if " ERROR " in line]
        if found.problems:
            print(stack.output()[-8000:])
    print(f"{len(found.killed)} kills in {time.monotonic() - began:.0f} s: {dict(Counter(found.killed))}")
    print(f"the whole was away for {', '.join(f'{seconds:.0f}' for seconds in found.away) or 'no'} s")
    print(f"{found.sessions} sessions, {found.messages} messages, {found.turns} ends of turns")
    print(f"model: {found.requests}, {found.requests.unseen} never reached it; {found.errors} session errors")
    print(f"{len(faults)} errors logged", *faults[:20], sep="\n")
    print(f"the last turn in flight ended {found.recovery_seconds:.1f} s after the last kill")
    print(f"{len(found.problems)} problems", *found.problems, sep="\n")
    return bool(found.problems) or found.recovery_seconds > RECOVERY_SECONDS


if __name__ == "__main__":
    sys.exit(main())
