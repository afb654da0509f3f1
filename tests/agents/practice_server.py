"""Starts the practice model as a process of its own for a test."""

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import anthropic

ROOT = Path(__file__).parents[2]


@contextmanager
def running_practice(*arguments: str) -> Iterator[str]:
    command = [sys.executable, "-m", "agents.practice.server", *arguments]
    environment = {"PATH": os.environ.get("PATH", "")}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def client_of(url: str, **options: object) -> anthropic.Anthropic:
    logging.getLogger("httpx2").setLevel(logging.WARNING)  # a line a request is most of a failed test's output
    return anthropic.Anthropic(base_url=url, api_key="practice", **{"max_retries": 0, **options})  # type: ignore[arg-type]
