"""The practice model server: runs where no model key is set, on a loopback port that it keeps across restarts."""

import os
import time
from pathlib import Path

from django.conf import settings
from django.core.management.base import CommandError

from config.stack.children import Child

READY_SECONDS = 60.0  # one that ends is told at once; a slow machine takes its time


def practice_server(data_dir: Path) -> Child:
    announced = _announced(data_dir)
    announced.unlink(missing_ok=True)

    def body() -> None:
        from agents.practice.server import main

        port = announced.read_text().strip().rpartition(":")[2] if announced.exists() else "0"
        main(["--port", port, "--announce", str(announced)])

    return Child("practice model", body, "practice")


def use_practice(child: Child, data_dir: Path) -> None:
    """Wait until it listens, then let this process and its later children reach it as the model endpoint."""
    announced = _announced(data_dir)
    deadline = time.monotonic() + READY_SECONDS
    while not announced.exists():
        if child.has_ended() or time.monotonic() > deadline:
            raise CommandError("The practice model did not start. Set ANTHROPIC_API_KEY to use a model of your own.")
        time.sleep(0.02)
    settings.ANTHROPIC_BASE_URL = os.environ["ANTHROPIC_BASE_URL"] = announced.read_text().strip()


def _announced(data_dir: Path) -> Path:
    return data_dir / "practice-address"
