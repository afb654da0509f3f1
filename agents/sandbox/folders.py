"""What the host itself reads and writes in session folders: by open folders, never through a link an agent made."""

import errno
import json
import os
import secrets
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import IO

from agents.sandbox import limits
from agents.sandbox.base import BadPath, CollectedMount, RefusedFile

FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
FILE_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(frozen=True)
class Owner:
    """The user that boxes run as; None when that is whoever runs the host."""

    uid: int | None
    gid: int | None

    def take(self, fd: int) -> None:
        if self.uid is not None and self.gid is not None:
            os.fchown(fd, self.uid, self.gid)


def segments(path: str) -> list[str]:
    """The parts of a relative path, or BadPath."""
    parts = path.split("/")
    if any(part in ("", ".", "..") or "\0" in part for part in parts):
        raise BadPath(f"path {path!r} is empty or has empty, '.' or '..' parts")
    return parts


@contextmanager
def opened(root: str, parts: list[str], *, owner: Owner | None = None) -> Iterator[int]:
    """The folder `parts` below `root`; with an `owner`, folders that are missing are made."""
    fd = enter(root)
    try:
        for part in parts:
            below = step(fd, part, owner)
            os.close(fd)
            fd = below
        yield fd
    except NotADirectoryError as error:  # O_NOFOLLOW | O_DIRECTORY on a link says this, too
        raise BadPath(f"{'/'.join(parts)!r} leads through a file or a link") from error
    finally:
        os.close(fd)


def step(fd: int, part: str, owner: Owner | None) -> int:
    if owner is None:
        return enter(part, fd)
    try:
        os.mkdir(part, 0o755, dir_fd=fd)
    except FileExistsError:
        return enter(part, fd)
    below = enter(part, fd)
    owner.take(below)
    return below


def enter(name: str, dir_fd: int | None = None) -> int:
    """Open a folder, also one that the agent closed to itself and thereby to a host that runs as the same user."""
    try:
        fd = os.open(name, FOLDER_FLAGS, dir_fd=dir_fd)
    except PermissionError:
        unlock(name, dir_fd, os.O_DIRECTORY, 0o700)
        fd = os.open(name, FOLDER_FLAGS, dir_fd=dir_fd)
    if os.fstat(fd).st_mode & stat.S_IRWXU != stat.S_IRWXU:
        with suppress(PermissionError):  # somebody else's, which is then an error of its own
            os.fchmod(fd, 0o700)
    return fd


def unlock(name: str, dir_fd: int | None, flags: int, mode: int) -> None:
    fd = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC | flags, dir_fd=dir_fd)
    try:
        if not stat.S_ISLNK(os.fstat(fd).st_mode):
            os.chmod(f"/proc/self/fd/{fd}", mode)
    finally:
        os.close(fd)


def write_file(root: str, path: str, data: bytes, owner: Owner, scratch: str) -> None:
    """Put a whole file in place: written in `scratch` (same file system), then renamed over whatever is there."""
    *parents, name = segments(path)
    with opened(root, parents, owner=owner) as folder:
        place(folder, name, data, owner, scratch)


def place(folder: int, name: str, data: bytes, owner: Owner, scratch: str) -> None:
    temporary = os.path.join(scratch, secrets.token_hex(8))
    mode = 0o755 if data.startswith(b"#!") else 0o644  # a script that is laid for a session is there to be run
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(data)
            owner.take(file.fileno())
        os.rename(temporary, name, dst_dir_fd=folder)
    except IsADirectoryError as error:
        raise BadPath(f"{name!r} is a folder") from error
    finally:
        if os.path.lexists(temporary):
            os.unlink(temporary)


def read_file(root: str, path: str, limit: int) -> bytes:
    """A regular file's bytes; BadPath for anything else and for what is larger than `limit`."""
    *parents, name = segments(path)
    try:
        with opened(root, parents) as folder:
            return read_entry(folder, name, limit)
    except FileNotFoundError as error:
        raise BadPath(f"{path!r} does not exist") from error


def read_entry(folder: int, name: str, limit: int) -> bytes:
    with regular(folder, name) as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise BadPath(f"is larger than {limit} bytes")
    return data


@contextmanager
def regular(folder: int, name: str) -> Iterator[IO[bytes]]:
    """A regular file of the agent's, opened for reading."""
    try:
        fd = open_entry(folder, name)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise BadPath("is a link") from error
        if error.errno in (errno.ENXIO, errno.EACCES):
            raise BadPath("cannot be read") from error
        raise
    with os.fdopen(fd, "rb") as file:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise BadPath("is not a regular file")
        yield file


def open_entry(folder: int, name: str) -> int:
    try:
        return os.open(name, FILE_FLAGS, dir_fd=folder)
    except PermissionError:
        unlock(name, folder, 0, 0o600)
        return os.open(name, FILE_FLAGS, dir_fd=folder)


def collect(root: str) -> CollectedMount:
    """The text files below `root` as memories, and what cannot be one."""
    collecting = Collecting()
    with opened(root, []) as folder:
        gather(folder, "", collecting)
    return CollectedMount(collecting.files, collecting.refused, collecting.is_whole)


@dataclass
class Collecting:
    """A pass over a mount: `size` is what its files take on the way to whoever asked."""

    files: dict[str, str] = field(default_factory=dict)
    refused: list[RefusedFile] = field(default_factory=list)
    is_whole: bool = True
    size: int = 0


def gather(folder: int, prefix: str, collected: Collecting) -> None:
    with os.scandir(folder) as found:
        names = sorted(entry.name for entry in found)
    for name in names:
        path = f"{prefix}/{name}"
        if len(collected.files) + len(collected.refused) >= limits.MEMORY_MOUNT_MAX_FILES + limits.REFUSED_MAX:
            collected.is_whole = False
            return
        try:
            take_entry(folder, name, path, collected)
        except FileNotFoundError:
            continue  # the agent was faster
        except (BadPath, OSError) as error:
            reason = error.message if isinstance(error, BadPath) else (error.strerror or "cannot be read").lower()
            refuse(collected, path, reason)


def take_entry(folder: int, name: str, path: str, collected: Collecting) -> None:
    check_name(path)
    if stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
        below = enter(name, folder)
        try:
            gather(below, path, collected)
        finally:
            os.close(below)
        return
    data = read_entry(folder, name, limits.MEMORY_FILE_MAX_BYTES)
    try:
        content = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadPath("is not UTF-8 text") from error
    if len(collected.files) >= limits.MEMORY_MOUNT_MAX_FILES:
        raise BadPath(f"is beyond the {limits.MEMORY_MOUNT_MAX_FILES} memories of a store")
    size = len(json.dumps(content))
    if collected.size + size > limits.MEMORY_MOUNT_MAX_BYTES:
        raise BadPath(f"is beyond the {limits.MEMORY_MOUNT_MAX_BYTES // limits.MIB} MiB of text that a mount may hold")
    collected.size += size
    collected.files[path] = content


def check_name(path: str) -> None:
    if path.count("/") > limits.MEMORY_PATH_MAX_SEGMENTS:
        raise BadPath(f"is nested deeper than {limits.MEMORY_PATH_MAX_SEGMENTS} levels")
    try:
        size = len(path.encode("utf-8"))
    except UnicodeEncodeError as error:
        raise BadPath("has a name that is not UTF-8") from error
    if size > limits.MEMORY_PATH_MAX_BYTES:
        raise BadPath(f"has a path longer than {limits.MEMORY_PATH_MAX_BYTES} bytes")


def refuse(collected: Collecting, path: str, reason: str) -> None:
    if len(collected.refused) >= limits.REFUSED_MAX:
        collected.is_whole = False
    else:
        printable = path.encode("utf-8", "backslashreplace").decode()
        collected.refused.append(RefusedFile(printable[: limits.MEMORY_PATH_MAX_BYTES], reason))


def make_equal(root: str, files: Mapping[str, str], owner: Owner, scratch: str, trash: str) -> None:
    """Let `root` hold exactly these files: others and empty folders go to `trash`, equal ones are left alone."""
    wanted = {path.removeprefix("/"): text.encode("utf-8", "replace") for path, text in files.items()}
    for path in wanted:
        if len(segments(path)) > limits.MEMORY_PATH_MAX_SEGMENTS:
            raise BadPath(f"path {path!r} is nested deeper than {limits.MEMORY_PATH_MAX_SEGMENTS} levels")
    folders = {path.rsplit("/", depth)[0] for path in wanted for depth in range(1, path.count("/") + 1)}
    with opened(root, []) as folder:
        prune(folder, "", wanted, folders, trash)
    for path, data in wanted.items():
        try:
            if read_file(root, path, max(len(data), 1)) == data:
                continue
        except BadPath:
            pass  # missing, longer, a link: it is written anew
        write_file(root, path, data, owner, scratch)


def prune(folder: int, prefix: str, wanted: Mapping[str, bytes], folders: set[str], trash: str) -> None:
    with os.scandir(folder) as found:
        entries = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in found]
    for name, is_folder in entries:
        path = f"{prefix}{name}"
        if is_folder and path in folders:
            below = enter(name, folder)
            try:
                prune(below, f"{path}/", wanted, folders, trash)
            finally:
                os.close(below)
        elif is_folder or path not in wanted:
            discard(folder, name, is_folder, trash)


def discard(folder: int, name: str, is_folder: bool, trash: str) -> None:
    """Folders are moved away whole: an agent may nest them deeper than anything here could descend."""
    with suppress(FileNotFoundError):  # the agent was faster
        if is_folder:
            os.close(enter(name, folder))  # only who may write a folder may move it
            os.rename(name, os.path.join(trash, secrets.token_hex(8)), src_dir_fd=folder)
        else:
            os.unlink(name, dir_fd=folder)
