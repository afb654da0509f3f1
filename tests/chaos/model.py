"""The practice model with a tally: one byte for each model request that it saw. It is no part of the product and is not
killed: a turn whose model is away ends with an error, and rightly."""

import argparse
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn

from agents.practice.server import MESSAGES, AnnouncingServer, PracticeApp, Scope
from tests.stack import READY_SECONDS, ROOT, end, wait_for


class CountingApp(PracticeApp):
    def __init__(self, tally: Path) -> None:
        super().__init__()
        self.tally = os.open(tally, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def reply(self, scope: Scope, body: bytes | None) -> tuple[Any, Any]:
        if scope["path"] == MESSAGES:
            os.write(self.tally, b".")
        return super().reply(scope, body)


@dataclass(frozen=True)
class Model:
    folder: Path
    url: str

    @property
    def seen(self) -> int:
        return (self.folder / "tally").stat().st_size

    @property
    def environment(self) -> dict[str, str]:
        return {"ANTHROPIC_BASE_URL": self.url, "ANTHROPIC_API_KEY": "practice"}


@contextmanager
def running_model(folder: Path) -> Iterator[Model]:
    announced = folder / "address"
    process = subprocess.Popen([sys.executable, "-m", "tests.chaos.model", str(folder)], cwd=ROOT)
    try:
        wait_for(lambda: True if announced.exists() else None, READY_SECONDS)
        yield Model(folder, announced.read_text().strip())
    finally:
        end(process)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        CountingApp(options.folder / "tally"),
        lifespan="off",
        log_level="critical",
        access_log=False,
        timeout_graceful_shutdown=1,
        ws="none",
    )
    AnnouncingServer(config, str(options.folder / "address")).run(sockets=[listener])


if __name__ == "__main__":
    main()
