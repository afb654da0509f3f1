"""What the product takes while half a gigabyte comes in, and while it goes out again."""

import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from agents.models import File, Session
from tests.bench.client import Product
from tests.bench.report import Row

MEGABYTE = 1_000_000
SIZE = 500 * 1024 * 1024
LOOK_SECONDS = 0.01
GOAL = "32 MB"  # a few chunks of each of a few stages


def memory(product: Product) -> list[Row]:
    with tempfile.NamedTemporaryFile(suffix=".bin") as file:
        file.truncate(SIZE)
        path = Path(file.name)
        product.sdk.files.upload(file=b"warm")
        file_id, came, grew = watched(product, lambda: product.sdk.files.upload(file=path).id)
    # Made by a session as far as the download can tell: only such files come out again.
    session = Session.objects.get(pk=product.new_session())
    File.objects.filter(pk=file_id).update(session=session, downloadable=True)
    size, went, shrank = watched(product, lambda: download(product, file_id))
    assert size == SIZE, size
    return [
        Row(what="upload of 500 MB, growth of all processes at the peak", value=f"{grew / MEGABYTE:.0f} MB", goal=GOAL),
        Row(what="upload of 500 MB, time", value=f"{came:.1f} s"),
        Row(what="download of 500 MB, growth of all processes", value=f"{shrank / MEGABYTE:.0f} MB", goal=GOAL),
        Row(what="download of 500 MB, time", value=f"{went:.1f} s"),
    ]


def watched[T](product: Product, call: Callable[[], T]) -> tuple[T, float, int]:
    """What the call returns, its seconds, and by how many bytes all processes together grew at most."""
    processes, done = product.processes(), threading.Event()
    before, began = taken(processes), time.monotonic()
    seen = [before]

    def look() -> None:
        while not done.wait(LOOK_SECONDS):
            seen.append(taken(processes))

    looking = threading.Thread(target=look)
    looking.start()
    try:
        return call(), time.monotonic() - began, max(seen) - before
    finally:
        done.set()
        looking.join()


def taken(processes: list[psutil.Process]) -> int:
    return sum(process.memory_info().rss for process in processes if process.is_running())


def download(product: Product, file_id: str) -> int:
    with product.sdk.files.with_streaming_response.download(file_id) as answer:
        return sum(map(len, answer.iter_bytes()))
