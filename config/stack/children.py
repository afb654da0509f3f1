"""Child processes that die with their parent, are started again when they end, and stop in order.

A parent that is killed takes all of them along at once, and what they listened on and locked: the next start finds
nothing in its way. Linux does that by itself; elsewhere each child watches a pipe whose other end only the parent has.
"""

import ctypes
import gc
import logging
import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from django.core.management.base import CommandError
from django.db import connections

logger = logging.getLogger("lucid")

HANDLED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
DIES_BY_SIGNAL = sys.platform == "linux"
PR_SET_PDEATHSIG = 1
PR_SET_NAME = 15
BACKOFF_FIRST_SECONDS = 0.5
BACKOFF_MAX_SECONDS = 4.0  # whoever is killed again and again is back in time for the promise of ten seconds
STEADY_SECONDS = 60.0  # a child that lived this long starts again at once
STOP_POLL_SECONDS = 0.02
# What other programs have no business with, the sandbox host above all; an address may hold a password.
SECRETS = (
    *("SECRET_KEY", "LUCID_SEALING_KEYS", "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", "DATABASE_URL", "REDIS_URL"),
    *("LUCID_SEARCH_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
)

_guarded: list[int] = []  # programs that this process started and ends


def run_forked(body: Callable[[], None], title: str) -> int:
    """Run `body` in a forked child that dies with this process and is out of reach of the terminal's Ctrl+C."""
    connections.close_all()
    for connection in connections.all(initialized_only=True):
        if hasattr(connection, "close_pool"):
            connection.close_pool()  # its threads do not survive a fork, its locks would
    sys.stdout.flush()
    sys.stderr.flush()
    gc.freeze()  # what is loaded now stays in pages that the children share
    parent = os.getpid()
    lifeline()
    # A signal that came before the child has its own handlers would be taken by this process's, and be lost.
    signal.pthread_sigmask(signal.SIG_BLOCK, HANDLED)
    if pid := os.fork():
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HANDLED)
        return pid
    status = 1
    try:
        _settle(parent, title)
        body()
        status = 0
    except SystemExit as ending:
        status = ending.code if isinstance(ending.code, int) else 1
        if isinstance(ending.code, str):
            print(ending.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def answer_of[T](question: Callable[[], T], title: str) -> T:
    """What `question` returns, or the CommandError it raises, found out in a child: what it took to find out leaves
    this process, whose pages all later children share, as it was."""
    receiver, sender = multiprocessing.Pipe(duplex=False)

    def body() -> None:
        try:
            sender.send((question(), None))
        except CommandError as error:
            sender.send((None, error))

    pid = run_forked(body, title)
    sender.close()
    try:
        answer, error = receiver.recv()
    except EOFError:
        error = CommandError("The process that prepared the start ended before it was done.")
    os.waitpid(pid, 0)
    if error:
        raise error
    return answer


def execute(command: list[str], *, folder: Path | None = None) -> Callable[[], None]:
    """A child's body: become that program, whose chatter is dropped and whose errors are shown."""

    def body() -> None:
        if folder:
            os.chdir(folder)
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, sys.stdout.fileno())
        known = {name: value for name, value in os.environ.items() if name not in SECRETS}
        if not DIES_BY_SIGNAL:
            _guard()
        os.execvpe(command[0], command, known)  # noqa: S606

    return body


def _settle(parent: int, title: str) -> None:
    os.setsid()
    for number in HANDLED:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, HANDLED)
    if sys.platform == "linux":
        process = ctypes.CDLL(None)
        if DIES_BY_SIGNAL:
            process.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        process.prctl(PR_SET_NAME, f"lucid-{title}".encode())
    if not DIES_BY_SIGNAL:
        watching, held = lifeline()
        os.close(held)
        threading.Thread(target=_die_with, args=(watching,), name="lifeline", daemon=True).start()
    if os.getppid() != parent:
        os._exit(1)  # the parent died before the line above


@cache
def lifeline() -> tuple[int, int]:
    """A pipe of this process and its children; the children read its end when this process is gone."""
    return (-1, -1) if DIES_BY_SIGNAL else os.pipe()


def _die_with(watching: int) -> None:
    os.read(watching, 1)  # nobody writes: it returns when the other end is closed
    for pid in (*_guarded, os.getpid()):
        os.kill(pid, signal.SIGKILL)


def _guard() -> None:
    """Return in a child that becomes another program; this process stays, to end it when the parent is gone."""
    if not (pid := os.fork()):
        return
    _guarded.append(pid)
    for number in HANDLED:
        signal.signal(number, lambda number, frame: os.kill(pid, number))
    _, status = os.waitpid(pid, 0)
    os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


@dataclass
class Child:
    """One process to keep alive. `once` marks work that ends by itself and is not started again."""

    name: str
    body: Callable[[], None]
    title: str  # what lists of processes show
    once: bool = False
    pid: int = 0
    started_at: float = 0.0
    starts_at: float = 0.0
    backoff: float = field(default=BACKOFF_FIRST_SECONDS)

    @property
    def is_running(self) -> bool:
        return self.pid != 0

    def start(self) -> None:
        self.started_at = time.monotonic()
        self.pid = run_forked(self.body, self.title)

    def tend(self) -> None:
        """Notice that it ended, and start it again when its time has come."""
        if self.is_running:
            self._notice_end()
        elif not self.once and time.monotonic() >= self.starts_at:
            self.start()

    def signal(self, number: int) -> None:
        if self.is_running:
            try:
                os.kill(self.pid, number)
            except ProcessLookupError:
                self.pid = 0

    def has_ended(self) -> bool:
        if self.is_running and _ended(self.pid) is not None:
            self.pid = 0
        return not self.is_running

    def _notice_end(self) -> None:
        status = _ended(self.pid)
        if status is None:
            return
        self.pid = 0
        if self.once:
            return
        lived = time.monotonic() - self.started_at
        # One that ended in good order was asked to.
        is_steady = status == 0 or lived > STEADY_SECONDS
        self.backoff = BACKOFF_FIRST_SECONDS if is_steady else min(self.backoff * 2, BACKOFF_MAX_SECONDS)
        self.starts_at = time.monotonic() + self.backoff
        logger.warning("The %s ended (%s); it starts again in %.0f s", self.name, _told(status), self.backoff)


def stop(children: list[Child], seconds: float) -> None:
    """Ask all of them to end, then end those that do not."""
    for child in children:
        child.signal(signal.SIGTERM)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not [child for child in children if not child.has_ended()]:
            return
        time.sleep(STOP_POLL_SECONDS)
    for child in children:
        if child.is_running:
            logger.warning("The %s did not end within %.0f s and was killed", child.name, seconds)
            child.signal(signal.SIGKILL)
    for child in children:
        if child.is_running:
            os.waitpid(child.pid, 0)
            child.pid = 0


def _ended(pid: int) -> int | None:
    """The exit code of a child that ended (negative: by that signal), None while it runs."""
    try:
        ended, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return 0
    return os.waitstatus_to_exitcode(status) if ended else None


def _told(status: int) -> str:
    if status >= 0:
        return f"exit code {status}"
    name = next((known.name for known in signal.Signals if known == -status), str(-status))  # some have only a number
    return f"signal {name}"
