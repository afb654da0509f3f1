"""The tools `glob` and `grep`: texts as the SDK's local implementation gives them."""

import os
import re
import select
from collections.abc import Iterator
from itertools import islice

from . import processes
from .errors import ToolError
from .files import resolve
from .paths import Roots, canonicalize, is_within
from .timers import cpu_limit

GREP_OUTPUT_LIMIT = 100 * 1024
GREP_MAX_LINE_LENGTH = 2000  # patterns come from the model and backtrack
GLOB_RESULT_LIMIT = 200
GREP_CPU_SECONDS = 30
WALK_MAX_ENTRIES = 50_000
RIPGREP = ("/usr/local/bin/rg", "/usr/bin/rg", "/bin/rg")


def glob(roots: Roots, pattern: str, path: str | None = None) -> str:
    from pathlib import Path, PurePosixPath  # 10 ms that no other tool needs

    if Path(pattern).is_absolute():
        raise ToolError("glob: absolute pattern not permitted; pass a relative pattern (and optionally path)")
    if ".." in PurePosixPath(pattern).parts:
        raise ToolError("glob: '..' is not permitted in the pattern")
    root = resolve(roots, "glob", path) if path else os.path.realpath(roots.workdir)
    try:
        found = [str(match) for match in islice(Path(root).glob(pattern), WALK_MAX_ENTRIES)]
    except (ValueError, OSError) as error:
        raise ToolError(f"glob: {error}") from error
    matches = [match for match in found if stays_within(match, root)]
    if not matches:
        return "no matches"
    matches.sort(key=modified_at, reverse=True)
    return "\n".join(matches[:GLOB_RESULT_LIMIT])


def stays_within(match: str, root: str) -> bool:
    """A link met in the middle of a pattern must not let a result leave the folder that was searched."""
    try:
        return is_within(canonicalize(match), root)
    except OSError:
        return False


def modified_at(path: str) -> float:
    try:
        return os.stat(path).st_mtime
    except OSError:
        return 0.0


def grep(roots: Roots, pattern: str, path: str | None = None) -> str:
    search = resolve(roots, "grep", path) if path else os.path.realpath(roots.workdir)
    for program in RIPGREP:
        if os.access(program, os.X_OK):
            return ripgrep(program, pattern, search)
    try:
        regex = re.compile(pattern)
    except re.error as error:
        raise ToolError(f"grep: invalid regex: {error}") from error
    with cpu_limit(GREP_CPU_SECONDS, ToolError(f"grep: timed out after {GREP_CPU_SECONDS}s")):
        return "\n".join(capped(hits(regex, search))) or "no matches"


def ripgrep(program: str, pattern: str, search: str) -> str:
    pid, out_fd, error_fd = processes.start(
        [program, "--no-config", "-n", "--no-heading", "-e", pattern, "--", search], own_errors=True
    )
    out, errors, complete = drain(out_fd, error_fd, GREP_OUTPUT_LIMIT * 4 + 1)
    if not complete:
        os.kill(pid, 9)
    status = processes.wait(pid)
    if complete and status == 1:
        return "no matches"
    if complete and status != 0:
        raise ToolError(f"grep: rg failed: {errors.decode(errors='replace')}")
    text = out.decode(errors="replace")
    if len(text) > GREP_OUTPUT_LIMIT:
        text = text[:GREP_OUTPUT_LIMIT] + f"\n[output truncated at {GREP_OUTPUT_LIMIT} bytes]"
    return text


def drain(out_fd: int, error_fd: int, limit: int) -> tuple[bytearray, bytearray, bool]:
    """Both streams to their end, or until `limit` bytes came."""
    streams = {out_fd: bytearray(), error_fd: bytearray()}
    waiting = set(streams)
    try:
        while waiting:
            for fd in select.select(list(waiting), [], [])[0]:
                chunk = os.read(fd, 65536)
                if not chunk:
                    waiting.discard(fd)
                streams[fd] += chunk
                if len(streams[fd]) > limit:
                    return streams[out_fd], streams[error_fd], False
        return streams[out_fd], streams[error_fd], True
    finally:
        os.close(out_fd)
        os.close(error_fd)


def capped(lines: Iterator[str]) -> Iterator[str]:
    budget = GREP_OUTPUT_LIMIT
    for line in lines:
        budget -= len(line) + 1
        if budget < 0:
            yield f"[output truncated at {GREP_OUTPUT_LIMIT} bytes]"
            return
        yield line


def hits(regex: re.Pattern[str], search: str) -> Iterator[str]:
    for path in [search] if os.path.isfile(search) else islice(plain_files(search), WALK_MAX_ENTRIES):
        try:
            yield from scan(regex, path)
        except OSError:
            continue


def plain_files(folder: str) -> Iterator[str]:
    """Regular files below `folder`; links are neither entered nor read, FIFOs and devices never opened."""
    for parent, folders, names in os.walk(folder):
        folders[:] = [
            each
            for each in folders
            if each not in (".git", "node_modules") and not os.path.islink(os.path.join(parent, each))
        ]
        for name in names:
            path = os.path.join(parent, name)
            if not os.path.islink(path) and os.path.isfile(path):
                yield path


def scan(regex: re.Pattern[str], path: str) -> Iterator[str]:
    with open(path, "rb") as file:
        if b"\x00" in file.read(512):
            return
        file.seek(0)
        for number, raw in enumerate(file, 1):
            if len(raw) > GREP_MAX_LINE_LENGTH:
                continue
            line = raw.decode(errors="replace").rstrip("\r\n")
            if regex.search(line):
                yield f"{path}:{number}:{line}"
