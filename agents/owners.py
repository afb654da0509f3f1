"""PURE: how a process that holds leases is called, and whether one of this machine is gone."""

import os
from contextlib import suppress
from functools import cache
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

BOOT = Path("/proc/sys/kernel/random/boot_id")
NAMESPACE = Path("/proc/self/ns/pid")


def own() -> str:
    """This process: its id, where that id means something, and a word that no later process with the id has."""
    return _own(os.getpid())


@cache
def _own(pid: int) -> str:
    return f"{pid}-{machine()}-{uuid4().hex[:8]}"


def pid_of(name: str) -> str:
    """The process id in a holder's name."""
    return name.partition("-")[0]


def is_dead(name: str | None) -> bool:
    """Whether the holder was a process of this machine and there is none with its id; False where nobody can know."""
    pid, _, rest = (name or "").partition("-")
    if not pid.isdecimal() or not machine() or not rest.startswith(f"{machine()}-"):
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        pass
    return False


@cache
def machine() -> str:
    """Where process ids are counted together: one boot of one machine, one container of it; else nothing."""
    with suppress(OSError):
        return sha256(f"{BOOT.read_text()}{os.readlink(NAMESPACE)}".encode()).hexdigest()[:12]
    return ""
