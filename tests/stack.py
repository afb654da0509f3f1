"""Starts the real parts for tests: Redis, the practice model, the sandbox host, or all of them through `up`."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
from django.conf import settings
from django.db import connection

ROOT = Path(__file__).resolve().parent.parent
READY_SECONDS = 240.0  # longer than the product itself waits for its parts: it knows better what is wrong
ANSWER_SECONDS = 60.0
STOP_SECONDS = 120.0


@dataclass
class Stack:
    """A running product: its address, its process, and everything that it printed so far."""

    url: str
    process: "subprocess.Popen[str]"
    data_dir: Path
    log: Path
    launch: "Callable[[str], subprocess.Popen[str]]"

    def output(self) -> str:
        return self.log.read_text()

    def start_again(self) -> None:
        """After its end, on the same port and data folder; returns when it is ready."""
        before = len(self.output())
        self.process = self.launch(self.url.rpartition(":")[2])
        wait_for(lambda: _ready(self.log, self.process, before), READY_SECONDS)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Ask it to end as an operator would; returns its exit code."""
        self.process.send_signal(number)
        return self.process.wait(STOP_SECONDS)


def database_url() -> str:
    """The address of this test run's database, for processes that must see the same rows."""
    values = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{values['NAME']}"
    user = f"{quote(values['USER'])}:{quote(values['PASSWORD'])}" if values["PASSWORD"] else quote(values["USER"])
    host = quote(values["HOST"], safe="")
    return f"postgres://{user}@{host}:{values['PORT']}/{quote(values['NAME'])}"


def clean_environment(data_dir: Path, **more: str) -> dict[str, str]:
    """What a child process may know of this one; nothing that would make it talk to a real model."""
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "TMPDIR")}
    ours = {"SECRET_KEY": settings.SECRET_KEY, "LUCID_SEALING_KEYS": ",".join(settings.LUCID_SEALING_KEYS)}
    return {**kept, **ours, "LUCID_DATA_DIR": str(data_dir), **more}


@contextmanager
def running_up(data_dir: Path, *options: str, **environment: str) -> Iterator[Stack]:
    """`manage.py up` on a free port, until the block ends."""
    log = data_dir / "up.log"
    log.write_text("")

    def launch(port: str) -> "subprocess.Popen[str]":
        command = [sys.executable, "manage.py", "up", "--port", port, "--data-dir", str(data_dir), *options]
        with log.open("a") as output:
            return subprocess.Popen(
                command,
                cwd=ROOT,
                env=clean_environment(data_dir, PYTHONUNBUFFERED="1", **environment),
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                text=True,
            )

    process = launch("0")
    try:
        found = wait_for(lambda: _ready(log, process), READY_SECONDS)
        stack = Stack(url=found, process=process, data_dir=data_dir, log=log, launch=launch)
        try:
            yield stack
        finally:
            end(stack.process)
    finally:
        end(process)


@contextmanager
def running(*command: str, data_dir: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Any other part, until the block ends; what it prints is kept in the data folder."""
    name = re.sub(r"\W+", "-", command[0].rpartition("/")[2])
    with (data_dir / f"{name}.log").open("a") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env=clean_environment(data_dir), stdout=output, stderr=output, stdin=subprocess.DEVNULL
        )
    try:
        yield process
    finally:
        end(process)


def answer_of(url: str, **options: Any) -> httpx2.Response:
    """What a running product answers to a GET, however busy the machine is."""
    return httpx2.get(url, timeout=ANSWER_SECONDS, **options)


def wait_for[T](question: Callable[[], T | None], seconds: float) -> T:
    """Ask until there is an answer."""
    deadline = time.monotonic() + seconds
    while (answer := question()) is None:
        assert time.monotonic() < deadline, f"nothing within {seconds} s: {question}"
        time.sleep(0.02)
    return answer


def end(process: "subprocess.Popen[str] | subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def short_folder() -> Path:
    """A data folder whose unix sockets have short paths; pytest's own folders are too deep for a socket."""
    return Path(tempfile.mkdtemp(prefix="lucid-"))


def _ready(log: Path, process: "subprocess.Popen[str]", after: int = 0) -> str | None:
    text = log.read_text()[after:]
    assert process.poll() is None, f"up ended with {process.returncode}:\n{text}"
    found = re.search(r"ready at (http://\S+)", text)
    return found[1] if found else None
