"""PURE: where a file that is attached to a session lies in its sandbox, and which places exclude each other."""

import unicodedata
from collections.abc import Sequence

from agents.exceptions import InvalidRequest

UPLOADS_ROOT = "/mnt/session/uploads"
PATH_MAX_BYTES = 1_024
SEGMENTS_MAX = 20
SEGMENT_MAX_BYTES = 255  # what a file system takes for one name
_HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}  # invisible: two paths could look alike


def upload_path(wanted: str | None, file_id: str) -> str:
    """The whole mount path: what was asked for, below the folder of uploads whether it said so or not."""
    if (wanted or "").rstrip("/") == UPLOADS_ROOT:
        raise InvalidRequest("mount_path: it must name a file, not the folder of uploads.")
    below = (wanted or file_id).removeprefix(f"{UPLOADS_ROOT}/").removeprefix("/")
    segments = below.split("/")
    if any(segment in ("", ".", "..") for segment in segments):
        raise InvalidRequest("mount_path: it must not have empty, '.' or '..' parts.")
    if hidden := next((letter for letter in below if unicodedata.category(letter) in _HIDDEN), None):
        raise InvalidRequest(f"mount_path: the character U+{ord(hidden):04X} is not allowed.")
    if len(below.encode()) > PATH_MAX_BYTES or len(segments) > SEGMENTS_MAX:
        raise InvalidRequest(f"mount_path: at most {PATH_MAX_BYTES:,} bytes in {SEGMENTS_MAX} parts are allowed.")
    if any(len(segment.encode()) > SEGMENT_MAX_BYTES for segment in segments):
        raise InvalidRequest(f"mount_path: a part may have at most {SEGMENT_MAX_BYTES} bytes.")
    return f"{UPLOADS_ROOT}/{below}"


def check_apart(paths: Sequence[str]) -> None:
    """Two files cannot lie in one place, and none can be the folder of another."""
    taken: set[str] = set()
    for path in paths:
        if path in taken:
            raise InvalidRequest(f"mount_path: {path} is given twice.")
        taken.add(path)
    for path in paths:
        parts = path.split("/")
        for length in range(1, len(parts)):
            if "/".join(parts[:length]) in taken:
                raise InvalidRequest(f"mount_path: {path} lies below another file.")
