"""PURE: which paths the file tools may touch; every link is followed before the check, so none leads around it."""

import errno
import os
from stat import S_ISLNK

from .errors import ToolError, reason

SYMLINK_HOPS_MAX = 40
MISSING = (errno.ENOENT, errno.ENOTDIR)


class Roots:
    """The folders of one box: `workdir`, other `allowed` ones, and the `read_only` ones among them.

    `sealed` is a folder that is read-only except below the listed `open_below`."""

    def __init__(
        self, workdir: str, allowed: list[str], read_only: list[str], sealed: str = "", open_below: tuple[str, ...] = ()
    ) -> None:
        self.workdir = workdir
        self.allowed = allowed
        self.read_only = read_only
        self.sealed = sealed
        self.open_below = open_below

    def resolve(self, path: str) -> str:
        """The canonical path, or ValueError when it leads outside."""
        root = os.path.realpath(self.workdir)
        try:
            full = canonicalize(os.path.join(root, path))
        except OSError as error:
            raise ValueError(f"path {path!r}: {reason(error)}") from error
        if is_within(full, root) or any(is_within(full, os.path.realpath(each)) for each in self.allowed):
            return full
        if self.allowed:
            raise ValueError(
                f"path {path!r} is outside the session's working directory and its other permitted directories"
            )
        raise ValueError(f"path {path!r} is outside the session's working directory")

    def reject_read_only(self, target: str, *, tool: str, path: str) -> None:
        for root in self.read_only:
            if is_within(target, os.path.realpath(root)):
                raise ToolError(f"{tool}: {path} is inside read-only directory {root}")
        if self.sealed and is_within(target, self.sealed) and not any(is_within(target, o) for o in self.open_below):
            raise ToolError(f"{tool}: {path} is inside read-only directory {self.sealed}")


def is_within(path: str, root: str) -> bool:
    return path == root or path.startswith(root.rstrip("/") + "/")


def canonicalize(path: str) -> str:
    """`path` with dots collapsed by spelling and every link followed, or OSError.

    Trailing parts that do not exist yet are kept as spelled; a dangling link is followed by hand, so that the file
    it names is what gets checked."""
    prefix = os.path.normpath(path)
    missing: list[str] = []
    hops = 0
    while True:
        try:
            return os.path.join(os.path.realpath(prefix, strict=True), *reversed(missing))
        except OSError as error:
            if error.errno not in MISSING:
                raise
            unresolved = error
        try:
            is_link = S_ISLNK(os.lstat(prefix).st_mode)
        except OSError as error:
            if error.errno not in MISSING or os.path.dirname(prefix) == prefix:
                raise
            missing.append(os.path.basename(prefix))
            prefix = os.path.dirname(prefix)
            continue
        if not is_link:
            raise unresolved
        hops += 1
        if hops > SYMLINK_HOPS_MAX:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        parent = os.path.realpath(os.path.dirname(prefix), strict=True)
        prefix = os.path.normpath(os.path.join(parent, os.readlink(prefix), *reversed(missing)))
        missing.clear()
