"""PURE: what an uploaded file is called and what type it has, whatever its sender said."""

import mimetypes
import re
import unicodedata

from agents.limits import FILE_NAME_MAX_BYTES

UNKNOWN_TYPE = "application/octet-stream"
_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]{1,100}/[a-z0-9!#$&^_.+-]{1,100}", re.IGNORECASE)
_SEPARATORS = re.compile(r"[/\\]")
_HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}  # invisible: two names could look alike, a header could break


def file_name(sent: str | None, mime_type: str) -> str:
    """The last component of what was sent; `unnamed` with the type's ending where that leaves nothing."""
    last = _SEPARATORS.split(sent or "")[-1]
    shown = "".join(letter for letter in last if unicodedata.category(letter) not in _HIDDEN).strip()
    if shown in ("", ".", ".."):
        ending = None if mime_type == UNKNOWN_TYPE else mimetypes.guess_extension(mime_type)
        return f"unnamed{ending or ''}"
    return _cut(shown)


def mime_type(sent: str | None, filename: str | None) -> str:
    """What was sent where it is a type, else what the name's ending says."""
    if sent and _TYPE.fullmatch(sent) and sent.lower() != UNKNOWN_TYPE:
        return sent.lower()
    return mimetypes.guess_type(filename or "")[0] or UNKNOWN_TYPE


def _cut(name: str) -> str:
    """Short enough for one name, its ending kept."""
    if len(name.encode()) <= FILE_NAME_MAX_BYTES:
        return name
    stem, dot, ending = name.rpartition(".")
    ending = f".{ending}" if dot and stem and len(ending.encode()) <= 16 else ""
    room = FILE_NAME_MAX_BYTES - len(ending.encode())
    return name.encode()[:room].decode(errors="ignore") + ending
