"""How much memory an idle product takes, shared pages counted once."""

import time

from tests.bench.client import Product
from tests.bench.report import Row

SETTLE_SECONDS = 5.0
MEGABYTE = 1_000_000


def idle_memory(product: Product) -> list[Row]:
    time.sleep(SETTLE_SECONDS)
    taken = [process.memory_full_info() for process in product.processes()]
    shared_once, added_up = sum(info.pss for info in taken), sum(info.rss for info in taken)
    return [
        Row(what="idle stack, PSS", value=f"{shared_once / MEGABYTE:.0f} MB", goal="350 MB"),
        Row(what="idle stack, RSS added up (shared pages counted in each)", value=f"{added_up / MEGABYTE:.0f} MB"),
        Row(what="idle stack, processes", value=str(len(taken))),
    ]
