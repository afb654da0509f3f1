"""The box's own look at what it uses: memory of all processes, size and number of a session's files."""

import os
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager

from . import processes
from .errors import ToolError

MEMORY_PERIOD = 0.5
FOLDER_PERIOD = 0.5
WALK_SHARE = 20  # the next walk waits twenty times as long as the last one took, so watching costs at most 5 %


class Watch:
    """Raises ToolError when the box holds more than it may."""

    def __init__(self, folders: list[str], *, memory: int, folder_size: int, folder_entries: int) -> None:
        self.folders = folders
        self.memory = memory
        self.folder_size = folder_size
        self.folder_entries = folder_entries
        self._next_memory = 0.0
        self._next_walk = 0.0

    def check(self, tool: str) -> None:
        now = time.monotonic()
        if now >= self._next_memory:
            self._next_memory = now + MEMORY_PERIOD
            self.check_memory(tool)
        self.check_folders(tool)

    def check_memory(self, tool: str) -> None:
        if (used := processes.used_bytes(self.memory)) > self.memory:
            raise ToolError(
                f"{tool}: stopped: the session's processes used {megabytes(used)} MiB of memory, "
                f"the limit is {megabytes(self.memory)} MiB"
            )

    def check_folders(self, tool: str) -> None:
        began = time.monotonic()
        if began < self._next_walk:
            return
        size, entries, hidden = measure(self.folders, self.folder_entries)
        took = time.monotonic() - began
        self._next_walk = began + max(WALK_SHARE * took, FOLDER_PERIOD)
        if size > self.folder_size:
            self._next_walk = 0.0  # whoever makes room is believed at once
            raise ToolError(
                f"{tool}: stopped: the session's files take {megabytes(size)} MiB, "
                f"the limit is {megabytes(self.folder_size)} MiB"
            )
        if entries > self.folder_entries:
            self._next_walk = 0.0
            raise ToolError(f"{tool}: stopped: the session has more than {self.folder_entries} files and folders")
        if hidden:
            self._next_walk = 0.0
            raise ToolError(f"{tool}: stopped: a folder of the session is nested too deeply to be measured")


def measure(folders: list[str], entries_max: int) -> tuple[int, int, bool]:
    """(bytes on disk, entries, whether something could not be looked at)"""
    size = entries = 0
    hidden = False
    waiting = list(folders)
    while waiting and entries <= entries_max:
        try:
            with opened(waiting.pop()) as found:
                for entry in found:
                    entries += 1
                    status = entry.stat(follow_symlinks=False)
                    size += status.st_blocks * 512
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
        except FileNotFoundError:
            continue
        except OSError:
            hidden = True
    return size, entries, hidden


def opened(folder: str) -> AbstractContextManager[Iterator["os.DirEntry[str]"]]:
    try:
        return os.scandir(folder)
    except PermissionError:
        os.chmod(folder, 0o700)  # a folder the agent closed to itself must not hide what it holds
        return os.scandir(folder)


def megabytes(size: int) -> int:
    return size // (1024 * 1024)
