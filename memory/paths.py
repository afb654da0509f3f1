"""PURE: what a memory's path may look like, which paths exclude each other, and what a store's folder is called."""

import re
import unicodedata
from collections.abc import Collection

from agents.exceptions import InvalidRequest
from memory.limits import CONTENT_MAX_BYTES, PATH_MAX_BYTES, PATH_SEGMENTS_MAX

MOUNT_ROOT = "/mnt/memory"
INDEX_FILE = "_index.md"  # where an agent starts to read a store

# Control, format (zero width, bidi), surrogate, line and paragraph separator: invisible, so two paths could look alike.
_HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def check_path(path: str) -> str:
    """The path itself, or `InvalidRequest` with the rule that it breaks."""
    if not path.startswith("/"):
        raise InvalidRequest("path: it must start with '/'.")
    _check_characters(path, "path")
    if len(path.encode()) > PATH_MAX_BYTES:
        raise InvalidRequest(f"path: it may have at most {PATH_MAX_BYTES:,} bytes.")
    segments = path[1:].split("/")
    if len(segments) > PATH_SEGMENTS_MAX:
        raise InvalidRequest(f"path: it may have at most {PATH_SEGMENTS_MAX} segments.")
    if bad := next((segment for segment in segments if segment in (".", "..")), None):
        raise InvalidRequest(f"path: the segment {bad!r} is not allowed.")
    if "" in segments:
        raise InvalidRequest("path: empty segments are not allowed.")
    return path


def check_prefix(prefix: str) -> str:
    if not (prefix.startswith("/") and prefix.endswith("/")):
        raise InvalidRequest("path_prefix: it must start and end with '/'.")
    _check_characters(prefix, "path_prefix")
    return prefix


def check_content(content: str) -> bytes:
    """The content's bytes; `InvalidRequest` when they are too many or no text."""
    try:
        data = content.encode()
    except UnicodeEncodeError:
        raise InvalidRequest("content: it must be valid UTF-8 text.")
    if "\x00" in content:
        raise InvalidRequest("content: the character U+0000 cannot be stored.")
    if len(data) > CONTENT_MAX_BYTES:
        raise InvalidRequest(f"content: {len(data):,} bytes are more than the {CONTENT_MAX_BYTES:,} allowed.")
    return data


def check_store_name(name: str, longest: int) -> str:
    if not 1 <= len(name) <= longest:
        raise InvalidRequest(f"name: it must have 1 to {longest} characters.")
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in name):
        raise InvalidRequest("name: control characters are not allowed.")
    return name


def folders_of(path: str) -> list[str]:
    """The folders above a path, outermost first: `/a/b/c.md` lies in `/a` and `/a/b`."""
    parts = path.split("/")[1:-1]
    return ["/" + "/".join(parts[: count + 1]) for count in range(len(parts))]


def slug(name: str, taken: Collection[str] = ()) -> str:
    """The folder name of a store among those that are taken."""
    base = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "store"
    candidate, number = base, 1
    while candidate in taken:
        number += 1
        candidate = f"{base}-{number}"
    return candidate


def _check_characters(path: str, field: str) -> None:
    hidden = next((character for character in path if unicodedata.category(character) in _HIDDEN), None)
    if hidden is not None:
        raise InvalidRequest(f"{field}: the character U+{ord(hidden):04X} is not allowed.")
    if unicodedata.normalize("NFC", path) != path:
        raise InvalidRequest(f"{field}: it must be in Unicode normalization form NFC.")
