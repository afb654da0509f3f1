"""Skills on this machine: every version is unpacked once, and each session gets a folder of links to its files.

Boxes see a session's skills read-only, so that its files may share their bytes with the store and with other sessions.
A folder is built apart and then renamed into place; a note beside it, written last, says which version it holds.
"""

import os
import secrets
import shutil
import stat
from collections.abc import Mapping
from contextlib import suppress

from agents.sandbox import limits
from agents.sandbox.folders import segments

SCRATCH = ".new-"
FOLDER_MODE, FILE_MODE, PROGRAM_MODE = 0o755, 0o644, 0o755


class SkillStore:
    """The unpacked versions below the sandbox root; `trash` is on the same file system."""

    def __init__(self, root: str, trash: str) -> None:
        self.folder = os.path.join(root, ".skills")
        self.trash = trash
        os.makedirs(self.folder, mode=0o700, exist_ok=True)
        for name in os.listdir(self.folder):
            if name.startswith(SCRATCH):  # of a host that was killed
                self._discard(os.path.join(self.folder, name))

    def has(self, version: str) -> bool:
        """Whether it is here; asking counts as use."""
        with suppress(FileNotFoundError):
            os.utime(os.path.join(self.folder, version))
            return True
        return False

    def put(self, version: str, files: Mapping[str, tuple[bytes, bool]]) -> None:
        """Unpack a version: path to bytes, and whether it may be executed."""
        fresh = self._scratch()
        for path, (data, is_program) in files.items():
            *parents, name = segments(path)
            folder = os.path.join(fresh, *parents)
            make_folders(fresh, parents)
            with open(os.path.join(folder, name), "xb") as file:
                file.write(data)
                os.fchmod(file.fileno(), PROGRAM_MODE if is_program else FILE_MODE)
        try:
            os.rename(fresh, os.path.join(self.folder, version))
        except OSError:  # somebody else was faster
            self._discard(fresh)
        self._make_room(version)

    def place(self, version: str, skills: str, name: str, note: str) -> None:
        """Let `skills/name` be that version, which is here."""
        target = os.path.join(skills, name)
        if read_note(note) == version and os.path.isdir(target):
            return
        fresh = self._scratch()
        shutil.copytree(os.path.join(self.folder, version), fresh, copy_function=link_or_copy, dirs_exist_ok=True)
        with suppress(FileNotFoundError):
            os.unlink(note)
        if os.path.lexists(target):
            self._discard(target)
        os.rename(fresh, target)
        with open(note, "w") as file:
            file.write(version)

    def _scratch(self) -> str:
        folder = os.path.join(self.folder, f"{SCRATCH}{secrets.token_hex(8)}")
        os.mkdir(folder)
        os.chmod(folder, FOLDER_MODE)
        return folder

    def _discard(self, folder: str) -> None:
        os.rename(folder, os.path.join(self.trash, secrets.token_hex(8)))

    def _make_room(self, fresh: str) -> None:
        """Let go of what was not used for longest; sessions that have it keep their own links."""
        kept = [entry for entry in os.scandir(self.folder) if entry.name != fresh and entry.name[0] != "."]
        kept.sort(key=lambda entry: entry.stat(follow_symlinks=False).st_mtime)
        for entry in kept[: max(len(kept) + 1 - limits.SKILL_VERSIONS_MAX, 0)]:
            with suppress(FileNotFoundError):
                self._discard(entry.path)


def make_folders(root: str, parts: list[str]) -> None:
    for part in parts:
        root = os.path.join(root, part)
        with suppress(FileExistsError):
            os.mkdir(root)
            os.chmod(root, FOLDER_MODE)


def link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # a file system without links, or one with too many of them
        shutil.copyfile(source, target)
        os.chmod(target, stat.S_IMODE(os.stat(source).st_mode))


def read_note(path: str) -> str:
    try:
        with open(path) as file:
            return file.read()
    except FileNotFoundError:
        return ""
