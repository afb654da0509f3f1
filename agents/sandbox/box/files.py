"""The tools `read`, `write` and `edit`: texts as the SDK's local implementation gives them."""

import base64
import os
from stat import S_ISREG
from typing import Any

from .errors import ToolError, file_error
from .paths import Roots

FILE_MAX_BYTES = 256 * 1024
IMAGE_MAX_BYTES = (5 * 1024 * 1024 // 4) * 3  # the API's 5 MiB are counted in base64
PDF_MAX_BYTES = 20 * 1024 * 1024
CHUNK_BYTES = 64 * 1024
MEDIA_TYPES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
    ".webp": "image/webp",
    ".pdf": "application/pdf",
}


def read(roots: Roots, file_path: str, view_range: list[int] | None = None) -> str | list[dict[str, Any]]:
    target = resolve(roots, "read", file_path)
    if view_range and len(view_range) != 2:
        raise ToolError("read: view_range must be [start_line, end_line]")
    try:
        size = regular_size("read", target, file_path)
        media_type = MEDIA_TYPES.get(os.path.splitext(target)[1].lower())
        if media_type is not None:
            if view_range:
                raise ToolError("read: view_range is not supported for image/PDF files")
            return [binary_block(target, file_path, size, media_type)]
        if size > FILE_MAX_BYTES:
            if not view_range:
                raise ToolError(
                    f"read: {file_path} is {size} bytes, exceeds {FILE_MAX_BYTES}-byte limit. "
                    "Use the view_range parameter to read specific line ranges, e.g. view_range: [1, 500]."
                )
            return read_lines(target, file_path, view_range[0], view_range[1])
        text = read_text(target)
    except UnicodeDecodeError as error:
        raise ToolError(
            f"read: {file_path}: not valid UTF-8 text (binary files are only supported for image/PDF extensions)"
        ) from error
    except OSError as error:
        raise file_error("read", file_path, error) from error
    if not view_range:
        return text
    lines = text.split("\n")
    end = view_range[1] if view_range[1] > 0 else len(lines)
    return "\n".join(lines[max(0, view_range[0] - 1) : end])


def write(roots: Roots, file_path: str, content: str) -> str:
    target = resolve(roots, "write", file_path)
    roots.reject_read_only(target, tool="write", path=file_path)
    try:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        write_text(target, content)
    except OSError as error:
        raise file_error("write", file_path, error) from error
    return f"wrote {len(content)} bytes to {file_path}"


def edit(roots: Roots, file_path: str, old_string: str, new_string: str, replace_all: bool | None = None) -> str:
    target = resolve(roots, "edit", file_path)
    roots.reject_read_only(target, tool="edit", path=file_path)
    try:
        size = regular_size("edit", target, file_path)
        if size > FILE_MAX_BYTES:
            raise ToolError(
                f"edit: {file_path} is {size} bytes, exceeds {FILE_MAX_BYTES}-byte limit. "
                "The edit tool loads the whole file and cannot modify a file this large."
            )
        text = read_text(target)
    except UnicodeDecodeError as error:
        raise ToolError(f"edit: {file_path}: not valid UTF-8 text (cannot edit binary files)") from error
    except OSError as error:
        raise file_error("edit", file_path, error) from error
    count = text.count(old_string)
    if count == 0:
        raise ToolError(f"edit: old_string not found in {file_path}")
    if not replace_all and count > 1:
        raise ToolError(f"edit: old_string appears {count} times in {file_path} (must be unique)")
    try:
        write_text(target, text.replace(old_string, new_string, -1 if replace_all else 1))
    except OSError as error:
        raise file_error("edit", file_path, error) from error
    return f"edited {file_path} ({count if replace_all else 1} replacement(s))"


def resolve(roots: Roots, tool: str, path: str) -> str:
    try:
        return roots.resolve(path)
    except ValueError as error:
        raise ToolError(f"{tool}: {error}") from error


def regular_size(tool: str, target: str, file_path: str) -> int:
    """Looked at before any open: opening a FIFO blocks, reading a huge file fills memory."""
    status = os.stat(target)
    if not S_ISREG(status.st_mode):
        raise ToolError(f"{tool}: {file_path}: not a regular file")
    return status.st_size


def read_text(target: str) -> str:
    with open(target, "rb") as file:
        return file.read().decode("utf-8")


def write_text(target: str, text: str) -> None:
    data = text.encode("utf-8")  # before the open, which empties the file
    with open(target, "wb") as file:
        file.write(data)


def binary_block(target: str, file_path: str, size: int, media_type: str) -> dict[str, Any]:
    limit = PDF_MAX_BYTES if media_type == "application/pdf" else IMAGE_MAX_BYTES
    if size > limit:
        raise ToolError(f"read: {file_path} is {size} bytes, exceeds {limit}-byte limit for image/PDF files.")
    with open(target, "rb") as file:
        data = base64.standard_b64encode(file.read(limit)).decode("ascii")
    kind = "document" if media_type == "application/pdf" else "image"
    return {"type": kind, "source": {"type": "base64", "media_type": media_type, "data": data}}


def read_lines(target: str, file_path: str, start_line: int, end_line: int) -> str:
    """Lines `[start_line, end_line]` of a file too large to load."""
    start = max(0, start_line - 1)
    end = end_line if end_line > 0 else None
    if end is not None and end <= start:
        return ""
    collected = bytearray()
    with open(target, "rb") as file:
        skip_lines(file, start)
        line = start
        while end is None or line < end:
            piece = file.readline(FILE_MAX_BYTES + 2)
            if not piece:
                break
            collected += piece
            if end is not None and line + 1 >= end and collected.endswith(b"\n"):
                del collected[-1]
            if len(collected) > FILE_MAX_BYTES:
                raise over_limit(file_path, start_line, end_line, start, end)
            line += 1
    return collected.decode("utf-8")


def skip_lines(file: Any, count: int) -> None:
    """By chunks: a single line may be larger than memory."""
    while count > 0:
        position = file.tell()
        chunk = file.read(CHUNK_BYTES)
        if not chunk:
            return
        found = chunk.count(b"\n")
        if found < count:
            count -= found
            continue
        offset = 0
        for _ in range(count):
            offset = chunk.index(b"\n", offset) + 1
        file.seek(position + offset)
        return


def over_limit(file_path: str, start_line: int, end_line: int, start: int, end: int | None) -> ToolError:
    if end is not None and end - start == 1:
        return ToolError(
            f"read: line {start + 1} of {file_path} alone exceeds {FILE_MAX_BYTES}-byte limit. "
            "The read tool cannot return part of a line, so view_range cannot narrow this further."
        )
    return ToolError(
        f"read: view_range [{start_line}, {end_line}] of {file_path} exceeds {FILE_MAX_BYTES}-byte limit. "
        "Narrow the view_range to read a smaller portion."
    )
