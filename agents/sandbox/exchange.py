"""Whole files between a session's folders and whoever asks: uploads go in, outputs come out, by copies on this disk.

What lies in the folder of uploads, and what was hashed in the folder of outputs, is noted in the session's `state`,
which no box sees: so a second look costs no second copy and no second hash.
"""

import json
import os
import secrets
import shutil
import stat
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from typing import IO, Any

from agents.sandbox import limits
from agents.sandbox.base import BadPath, OutputFile, OutputListing, RefusedFile, TakenOutput
from agents.sandbox.folders import FILE_FLAGS, Owner, check_name, enter, opened, place, prune, regular, segments

UPLOADS_NOTE = "uploads.json"
OUTPUTS_NOTE = "outputs.json"
FOLDERS_NOTE = "folders.json"
CHUNK_BYTES = 1024 * 1024
NOBODY_ELSE = Owner(None, None)  # uploads belong to the host: boxes only read them


def sync_uploads(root: str, state: str, wanted: Mapping[str, str], trash: str) -> list[str]:
    """Take away what is not wanted; returns what is missing. `wanted`: path -> the name of its content."""
    for path in wanted:
        segments(path)
    known = read_note(state, UPLOADS_NOTE)
    kept = {path: name for path, name in known.items() if wanted.get(path) == name and is_file(root, path)}
    folders = {path.rsplit("/", depth)[0] for path in kept for depth in range(1, path.count("/") + 1)}
    with opened(root, []) as folder:
        prune(folder, "", dict.fromkeys(kept, b""), folders, trash)
    if kept != known:
        write_note(state, UPLOADS_NOTE, kept)
    return [path for path in wanted if path not in kept]


def put_upload(root: str, state: str, path: str, name: str, source: str) -> None:
    """Copy the file at `source` to its place; half a copy is never seen."""
    *parents, last = segments(path)
    temporary = os.path.join(state, secrets.token_hex(8))
    try:
        with source_file(source) as original, open(temporary, "xb") as copy:
            os.fchmod(copy.fileno(), 0o644)
            copy_all(original, copy, limits.FILE_MAX_BYTES)
        with opened(root, parents, owner=NOBODY_ELSE) as folder:
            os.rename(temporary, last, dst_dir_fd=folder)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(temporary)
    write_note(state, UPLOADS_NOTE, {**read_note(state, UPLOADS_NOTE), path: name})


def list_outputs(root: str, state: str, *, is_hashed: bool) -> OutputListing:
    """The regular files below `root`, and what cannot be kept; links are named, never followed."""
    looking = Looking(read_note(state, OUTPUTS_NOTE) if is_hashed else None)
    try:
        with opened(root, []) as folder:
            look(folder, "", looking)
    except FileNotFoundError:
        return OutputListing({})
    if looking.known is not None and looking.seen != looking.known:
        write_note(state, OUTPUTS_NOTE, looking.seen)
    return OutputListing(looking.files, looking.refused)


def take_output(root: str, path: str, folder: str) -> TakenOutput:
    """A copy of one output in `folder`, for the caller to read and delete."""
    *parents, name = segments(path)
    target = os.path.join(folder, secrets.token_hex(16))
    try:
        with opened(root, parents) as place, regular(place, name) as original, open(target, "xb") as copy:
            os.fchmod(copy.fileno(), 0o600)
            size, digest = copy_all(original, copy, limits.FILE_MAX_BYTES)
    except BaseException as error:
        with suppress(FileNotFoundError):
            os.unlink(target)
        if isinstance(error, FileNotFoundError):
            raise BadPath(f"{path!r} does not exist") from error
        raise
    return TakenOutput(target, size, digest)


@dataclass
class Looking:
    """A pass over the outputs; `known` is what was hashed before, None when nothing is to be hashed."""

    known: dict[str, Any] | None
    files: dict[str, OutputFile] = field(default_factory=dict)
    refused: list[RefusedFile] = field(default_factory=list)
    seen: dict[str, Any] = field(default_factory=dict)

    @property
    def is_full(self) -> bool:
        return len(self.refused) >= limits.REFUSED_MAX

    def refuse(self, path: str, reason: str) -> None:
        if not self.is_full:
            printable = path.encode("utf-8", "backslashreplace").decode()
            self.refused.append(RefusedFile(printable[: limits.MEMORY_PATH_MAX_BYTES], reason))


def look(folder: int, prefix: str, looking: Looking) -> None:
    with os.scandir(folder) as found:
        names = sorted(entry.name for entry in found)
    for name in names:
        if looking.is_full:
            return
        path = f"{prefix}/{name}"
        try:
            look_at(folder, name, path, looking)
        except FileNotFoundError:
            continue  # the agent was faster
        except (BadPath, OSError) as error:
            reason = error.message if isinstance(error, BadPath) else (error.strerror or "cannot be read").lower()
            looking.refuse(path, reason)


def look_at(folder: int, name: str, path: str, looking: Looking) -> None:
    check_name(path)
    status = os.stat(name, dir_fd=folder, follow_symlinks=False)
    if stat.S_ISDIR(status.st_mode):
        below = enter(name, folder)
        try:
            look(below, path, looking)
        finally:
            os.close(below)
        return
    check_output(status, looking)
    digest = "" if looking.known is None else digest_of(folder, name, path, status, looking)
    looking.files[path.removeprefix("/")] = OutputFile(status.st_size, digest)


def check_output(status: os.stat_result, looking: Looking) -> None:
    if stat.S_ISLNK(status.st_mode):
        raise BadPath("is a link")
    if not stat.S_ISREG(status.st_mode):
        raise BadPath("is not a regular file")
    if status.st_size > limits.FILE_MAX_BYTES:
        raise BadPath(f"is larger than {limits.FILE_MAX_BYTES // limits.MIB} MiB")
    if len(looking.files) >= limits.OUTPUT_FILES_MAX:
        raise BadPath(f"is beyond the {limits.OUTPUT_FILES_MAX:,} files that a session may hand out")


def digest_of(folder: int, name: str, path: str, status: os.stat_result, looking: Looking) -> str:
    """Hashed again only where the file changed; a changed time of the inode is what an agent cannot forge."""
    assert looking.known is not None
    mark = [status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns]
    before = looking.known.get(path)
    if before and before[:-1] == mark:
        looking.seen[path] = before
        return str(before[-1])
    with regular(folder, name) as file:
        _, digest = copy_all(file, None, limits.FILE_MAX_BYTES)
    looking.seen[path] = [*mark, digest]
    return digest


def source_file(path: str) -> IO[bytes]:
    """A regular file of this machine that a client of the host names."""
    try:
        file = os.fdopen(os.open(path, FILE_FLAGS), "rb")
    except OSError as error:
        raise BadPath(f"{path!r} cannot be read: {error.strerror}") from error
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise BadPath(f"{path!r} is not a regular file")
    return file


def copy_all(original: IO[bytes], copy: IO[bytes] | None, limit: int) -> tuple[int, str]:
    """Size and hash of what was read, which may grow meanwhile, but not beyond the limit."""
    size, digest = 0, sha256()
    while chunk := original.read(CHUNK_BYTES):
        size += len(chunk)
        if size > limit:
            raise BadPath(f"is larger than {limit // limits.MIB} MiB")
        digest.update(chunk)
        if copy is not None:
            copy.write(chunk)
    return size, digest.hexdigest()


def is_file(root: str, path: str) -> bool:
    *parents, name = segments(path)
    try:
        with opened(root, parents) as folder:
            return stat.S_ISREG(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
    except (FileNotFoundError, BadPath):
        return False


def read_note(state: str, name: str) -> dict[str, Any]:
    try:
        with open(os.path.join(state, name), "rb") as file:
            found = json.load(file)
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def write_note(state: str, name: str, content: Mapping[str, Any]) -> None:
    temporary = os.path.join(state, secrets.token_hex(8))
    with open(temporary, "x") as file:
        json.dump(content, file)
    os.rename(temporary, os.path.join(state, name))


def put_folder(root: str, state: str, path: str, source: str, owner: Owner) -> None:
    """Copy a whole folder to a place where nothing is yet; links in it are copied as links. What an earlier call that
    was cut off has laid there counts."""
    *parents, last = segments(path)
    laid = read_note(state, FOLDERS_NOTE)
    temporary = os.path.join(state, secrets.token_hex(8))
    try:
        shutil.copytree(source, temporary, symlinks=True)
        for place, _, names in os.walk(temporary):
            for name in (".", *names):
                give(os.path.join(place, name), owner)
        with opened(root, parents, owner=owner) as folder:
            if is_there(folder, last):
                if path not in laid:
                    raise BadPath(f"{path!r} is there already")
                return
            write_note(state, FOLDERS_NOTE, {**laid, path: True})
            os.mkdir(last, 0o700, dir_fd=folder)  # fails where the agent was faster
            os.rename(temporary, last, dst_dir_fd=folder)  # goes over an empty folder only
    except (FileExistsError, NotADirectoryError) as error:
        raise BadPath(f"{path!r} is there already") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def keep_result(root: str, state: str, path: str, text: str | None, owner: Owner) -> bool:
    """Lay a text where nothing is yet; without one, say whether something is."""
    *parents, name = segments(path)
    try:
        with opened(root, parents, owner=None if text is None else owner) as folder:
            if is_there(folder, name) or text is None:
                return is_there(folder, name)
            data = text.encode("utf-8", "replace")
            check_results(folder, len(data))
            place(folder, name, data, owner, state)
    except FileNotFoundError:
        if text is not None:
            raise
        return False
    return True


def check_results(folder: int, more: int) -> None:
    """The box itself measures its files, but does not see these coming."""
    with os.scandir(folder) as found:
        size = sum(entry.stat(follow_symlinks=False).st_size for entry in found)
    if size + more > limits.RESULTS_MAX_BYTES:
        raise BadPath(f"the session's long results take more than {limits.RESULTS_MAX_BYTES // limits.MIB} MiB")


def is_there(folder: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def give(path: str, owner: Owner) -> None:
    if owner.uid is not None and owner.gid is not None:
        os.chown(path, owner.uid, owner.gid, follow_symlinks=False)
