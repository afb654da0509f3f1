"""Starts the product on a new data folder, measures it, and prints one table."""

import argparse
import os
import shutil
import sys
from pathlib import Path

from tests.bench.report import Row, print_table
from tests.stack import running_up, short_folder

PARTS = ("memory", "turns", "throughput", "streams", "long", "dream", "inbox", "lists", "costs", "uploads", "crowd")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)} (default: all)")
    parser.add_argument("--transcripts", type=Path, help="a JSON lines file of finished sessions to dream over")
    options = parser.parse_args()
    if unknown := [name for name in options.parts if name not in PARTS]:
        parser.error(f"no part is named {unknown[0]}: use {', '.join(PARTS)}")
    folder = short_folder()
    try:
        rows = measure(folder, options.parts or list(PARTS), options.transcripts)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print_table(rows)


def measure(folder: Path, parts: list[str], transcripts: Path | None) -> list[Row]:
    prepare_django(folder)
    from tests.bench import costs, crowd, dream, inbox, lists, long, streams, turns, uploads
    from tests.bench.client import Product
    from tests.bench.memory import idle_and_after

    database = {"DATABASE_URL": os.environ["DATABASE_URL"]} if os.environ.get("DATABASE_URL") else {}
    rows: list[Row] = []
    with running_up(folder, "--no-demo", **database) as stack:
        product = Product.of(stack)
        measures = {
            "memory": lambda: idle_and_after(product),
            "turns": lambda: turns.latency(product),
            "throughput": lambda: turns.throughput(product),
            "streams": lambda: streams.delivery(product),
            "long": lambda: long.long_session(product),
            "dream": lambda: dream.time_to_review(product, transcripts),
            "inbox": lambda: inbox.server_time(product),
            "lists": lambda: lists.server_time(product),
            "costs": lambda: costs.sums(product),
            "uploads": lambda: uploads.memory(product),
        }
        for name in parts:
            if name in measures:
                tell(name)
                rows += measures[name]()
    if "crowd" in parts:
        tell("crowd")
        with running_up(folder, "--no-demo", *crowd.OPTIONS, **crowd.SETTINGS, **database) as stack:
            rows += crowd.throughput(product.started_again(stack))
    return rows


def tell(name: str) -> None:
    print(f"measuring {name} …", file=sys.stderr, flush=True)


def prepare_django(folder: Path) -> None:
    """This process sees the same database as the product."""
    os.environ.update(LUCID_DATA_DIR=str(folder), DJANGO_SETTINGS_MODULE="config.settings", LOG_LEVEL="WARNING")
    import django

    django.setup()


if __name__ == "__main__":
    main()
