"""Starting, waiting for and ending the processes of a box; only works as process 1 of its own namespace."""

import os
import resource
import signal
import time
from contextlib import suppress

RESTORED_SIGNALS = (signal.SIGPIPE,)  # Python ignores it; SIGXFSZ stays ignored, so that a full file is an error
KILL_SECONDS = 2.0
NICENESS = 5  # an agent's processes give way to the rest of the machine

cpu_seconds = resource.RLIM_INFINITY  # of each process that is started; process 1 itself must outlive many of them
_exited: dict[int, int | None] = {}  # of those that somebody waits for; orphans are only collected


def start(argv: list[str], *, cwd: str = "/", own_errors: bool = False, stdin: bool = False) -> tuple[int, int, int]:
    """Fork and run `argv`; returns (pid, its output to read, its errors to read or its input to write, else -1)."""
    out_read, out_write = os.pipe()
    second_read, second_write = os.pipe() if own_errors or stdin else (-1, -1)
    pid = os.fork()
    if pid == 0:
        try:
            os.dup2(second_read if stdin else os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(out_write, 1)
            os.dup2(second_write if own_errors else out_write, 2)
            os.chdir(cwd)
            os.nice(NICENESS)
            resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds))
            for number in RESTORED_SIGNALS:
                signal.signal(number, signal.SIG_DFL)
            os.execv(argv[0], argv)  # noqa: S606
        finally:
            os._exit(127)
    _exited[pid] = None
    os.close(out_write)
    if stdin:
        os.close(second_read)
        return pid, out_read, second_write
    if own_errors:
        os.close(second_write)
    return pid, out_read, second_read


def reap() -> bool:
    """Collect whatever ended, orphans too; False when no child is left."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return False
        if pid == 0:
            return True
        if pid in _exited:
            _exited[pid] = status


def has_exited(pid: int) -> bool:
    reap()
    return _exited.get(pid, 0) is not None


def wait(pid: int) -> int:
    status = _exited.pop(pid)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1] if status is None else status)


def end_all() -> None:
    """Kill every process of the box but this one: sessions, daemons and fork bombs alike."""
    deadline = time.monotonic() + KILL_SECONDS
    while time.monotonic() < deadline:
        with suppress(ProcessLookupError):
            os.kill(-1, signal.SIGKILL)
        if not reap():
            break
        time.sleep(0.002)
    _exited.clear()


def others(shell: int | None) -> bool:
    """Whether anything but this process and the shell runs."""
    reap()
    known = {"1", str(shell)}
    return any(name.isdigit() and name not in known for name in os.listdir("/proc"))


def used_bytes(limit: int) -> int:
    """What all processes of the box but this one hold in memory.

    The cheap count takes memory that processes share once for each of them; only when it exceeds `limit`, the exact
    one, a millisecond per process, decides."""
    pids = [name for name in os.listdir("/proc") if name.isdigit() and name != "1"]
    segments = segment_bytes()
    used = sum(map(resident_bytes, pids)) + segments
    return used if used <= limit else sum(map(proportional_bytes, pids)) + segments


def segment_bytes() -> int:
    """System V shared memory, which stays when no process maps it."""
    try:
        with open("/proc/sysvipc/shm", "rb") as file:
            return sum(int(line.split()[-2]) for line in file.readlines()[1:])
    except (OSError, IndexError, ValueError):
        return 0  # a kernel without it


def resident_bytes(pid: str) -> int:
    try:
        with open(f"/proc/{pid}/statm", "rb") as file:
            pages = int(file.read().split()[1])
    except (OSError, IndexError, ValueError):
        return 0  # it ended meanwhile
    return pages * os.sysconf("SC_PAGE_SIZE")


def proportional_bytes(pid: str) -> int:
    try:
        with open(f"/proc/{pid}/smaps_rollup", "rb") as file:
            return sum(int(line.split()[1]) * 1024 for line in file if line.startswith(b"Pss:"))
    except (OSError, ValueError):
        return resident_bytes(pid)
