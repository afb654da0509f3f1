"""PURE: an upload, as files or as one zip -> a checked skill folder; and a folder -> the zip that is kept.

Nothing that a zip says of itself is believed: sizes are counted while inflating, names are checked one by one, and what
is kept is written anew from what was read.
"""

import io
import re
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from agents import limits
from agents.exceptions import InvalidRequest, TooLarge
from agents.storable import storable

SKILL_FILE = "SKILL.md"
RESERVED_WORDS = ("anthropic", "claude")
NAME = re.compile(rf"[a-z0-9-]{{1,{limits.SKILL_NAME_MAX}}}")
HEAD = re.compile(r"\A\ufeff?---[ \t]*\r?\n(.*?)^---[ \t]*\r?$", re.DOTALL | re.MULTILINE)
DRIVE = re.compile(r"[A-Za-z]:")
CONTROL = re.compile(r"[\x00-\x1f\x7f]")
# What file managers put beside a folder when they pack it; nobody means to upload it.
DEBRIS = re.compile(r"(^|/)(__MACOSX/.*|\.DS_Store|\._[^/]*)$")

END_RECORD, ZIP64_LOCATOR = b"PK\x05\x06", b"PK\x06\x07"
END_RECORD_BYTES, ZIP64_LOCATOR_BYTES, COMMENT_MAX = 22, 20, 65_535
DIRECTORY_ENTRY_MAX = 46 + 3 * 1_024  # a name, extra fields and a comment of reasonable length
ZIP_MAGIC = (b"PK\x03\x04", END_RECORD)
ENCRYPTED = 0x1 | 0x40 | 0x2000
PLAIN_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
SPECIAL_KINDS = (stat.S_IFLNK, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO, stat.S_IFSOCK)
CHUNK_BYTES = 256 * 1024
RATIO_FREE_BYTES = 1024 * 1024  # below this a member may shrink as it likes
EPOCH = (1980, 1, 1, 0, 0, 0)  # a zip's earliest time: equal folders become equal archives


@dataclass(frozen=True, slots=True, kw_only=True)
class SkillFile:
    """`path` is relative to the skill's folder."""

    path: str
    data: bytes
    is_executable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SkillFolder:
    """A checked skill; `name` and `description` are what its SKILL.md says."""

    name: str
    description: str
    files: tuple[SkillFile, ...]

    @property
    def size(self) -> int:
        return sum(len(file.data) for file in self.files)


def folder_of_upload(files: Sequence[tuple[str | None, bytes]]) -> SkillFolder:
    """What a request sent, each file with its name: the files of a folder, or one zip of it."""
    if len(files) == 1 and files[0][1].startswith(ZIP_MAGIC):
        return folder_of_zip(files[0][1])
    return folder_of_files((name or "", data) for name, data in files)


def folder_of_files(files: Iterable[tuple[str, bytes]]) -> SkillFolder:
    """Files named `folder/SKILL.md` and so on; a script that says how it is run may be run."""
    return _folder(SkillFile(path=path, data=data, is_executable=data.startswith(b"#!")) for path, data in files)


def folder_of_zip(data: bytes) -> SkillFolder:
    """A zip that holds one folder."""
    _check_directory_size(data)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            _check_members(members)
            return _folder(_unpacked(archive, members))
    except (zipfile.BadZipFile, zlib.error, struct.error, EOFError, RuntimeError, ValueError, OSError) as error:
        raise InvalidRequest(f"files: the zip cannot be read: {error}.") from error


def zip_of(folder: SkillFolder) -> bytes:
    """One top folder named as the skill, the files in the order of their paths, every time 1980."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for file in sorted(folder.files, key=lambda file: file.path):
            member = zipfile.ZipInfo(f"{folder.name}/{file.path}", EPOCH)
            member.create_system = 3  # Unix, so that the mode counts
            member.external_attr = (stat.S_IFREG | (0o755 if file.is_executable else 0o644)) << 16
            archive.writestr(member, file.data, zipfile.ZIP_DEFLATED)
    return packed.getvalue()


# The folder


def _folder(found: Iterable[SkillFile]) -> SkillFolder:
    files, top = _without_top(_within_bounds(file for file in found if not DEBRIS.search(file.path)))
    skill = next((file for file in files if file.path == SKILL_FILE), None)
    if skill is None:
        raise InvalidRequest(f"files: {SKILL_FILE} is missing at the root of the folder {top!r}.")
    head = _head(skill.data)
    return SkillFolder(
        name=_checked_name(head.get("name") or top), description=_checked_description(head), files=tuple(files)
    )


def _within_bounds(files: Iterable[SkillFile]) -> Iterator[SkillFile]:
    size = 0
    for number, file in enumerate(files, start=1):
        if number > limits.SKILL_FILES_MAX:
            raise InvalidRequest(f"files: a skill has at most {limits.SKILL_FILES_MAX:,} files.")
        size += len(file.data)
        if size > limits.SKILL_MAX_BYTES:
            raise _too_large()
        yield file


def _without_top(found: Iterable[SkillFile]) -> tuple[list[SkillFile], str]:
    """The files below the one folder that holds them all, and its name."""
    files = list(found)
    if not files:
        raise InvalidRequest(f"files: send a folder with a {SKILL_FILE}.")
    _check_paths([file.path for file in files])
    tops = {file.path.partition("/")[0] for file in files}
    if len(tops) > 1 or any("/" not in file.path for file in files):
        raise InvalidRequest(f"files: all files must lie in one top folder, such as my-skill/{SKILL_FILE}.")
    top = tops.pop()
    below = [
        SkillFile(path=file.path.removeprefix(f"{top}/"), data=file.data, is_executable=file.is_executable)
        for file in files
    ]
    return below, top


def _check_paths(paths: Sequence[str]) -> None:
    """Each path by itself, then together: on no file system may one of them lie over another."""
    files: dict[str, str] = {}
    folders: set[str] = set()
    for path in paths:
        _check_path(path)
        plain = _plain(path)
        if plain in files:
            raise InvalidRequest(f"files: {path!r} and {files[plain]!r} are one file on some systems.")
        files[plain] = path
        folders |= {plain.rsplit("/", depth)[0] for depth in range(1, plain.count("/") + 1)}
    if both := sorted(folders & files.keys()):
        raise InvalidRequest(f"files: {files[both[0]]!r} is a file and a folder.")


def _check_path(path: str) -> None:
    shown = ascii(path[:80])
    parts = path.split("/")
    if "\\" in path or CONTROL.search(path) or DRIVE.match(path) or _bytes_of(path) is None:
        raise InvalidRequest(f"files: the path {shown} has a character that no path of a skill may have.")
    if path.startswith("/") or any(part in ("", ".", "..") for part in parts):
        raise InvalidRequest(f"files: the path {shown} leads out of the skill's folder, or has empty parts.")
    if len(_bytes_of(path) or b"") > limits.SKILL_PATH_MAX_BYTES or len(parts) > limits.SKILL_DEPTH_MAX:
        raise InvalidRequest(f"files: the path {shown}… is too long or too deep.")
    if any(len(part.encode()) > 255 for part in parts):
        raise InvalidRequest(f"files: the path {shown}… has a name of more than 255 bytes.")


def _bytes_of(path: str) -> bytes | None:
    try:
        return path.encode()
    except UnicodeEncodeError:
        return None


def _plain(path: str) -> str:
    """Equal for paths that a file system may take for one."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


# SKILL.md


def _head(data: bytes) -> dict[str, str]:
    """The texts of the frontmatter. Only the syntax tree is read: nothing is built from tags, aliases or merges."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise InvalidRequest(f"files: {SKILL_FILE} is not UTF-8 text.")
    found = HEAD.match(text[: limits.SKILL_HEAD_MAX])
    if found is None:
        raise InvalidRequest(
            f"files: {SKILL_FILE} must begin with a frontmatter between two lines of '---',"
            f" of at most {limits.SKILL_HEAD_MAX:,} characters."
        )
    try:
        root: Any = yaml.compose(found[1], Loader=yaml.SafeLoader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InvalidRequest(f"files: the frontmatter of {SKILL_FILE} is not YAML: {_first_line(error)}.")
    if not isinstance(root, yaml.MappingNode):
        raise InvalidRequest(f"files: the frontmatter of {SKILL_FILE} must have the members name and description.")
    scalars = ((key, value) for key, value in root.value if isinstance(value, yaml.ScalarNode))
    return {str(key.value): value.value for key, value in scalars if not value.tag.endswith(":null")}


def _first_line(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    said = getattr(error, "problem", None) or "it cannot be read"
    return f"{said} (line {mark.line + 2})" if mark else str(said)


def _checked_name(name: str) -> str:
    if not NAME.fullmatch(name):
        raise InvalidRequest(
            f"files: the name in {SKILL_FILE} must be 1 to {limits.SKILL_NAME_MAX} lower-case letters, digits and '-'."
        )
    if word := next((word for word in RESERVED_WORDS if word in name), None):
        raise InvalidRequest(f"files: the name in {SKILL_FILE} must not contain the reserved word {word!r}.")
    return name


def _checked_description(head: dict[str, str]) -> str:
    description = head.get("description", "").strip()
    if not 1 <= len(description) <= limits.SKILL_DESCRIPTION_MAX or storable(description) != description:
        raise InvalidRequest(
            f"files: the description in {SKILL_FILE} must have 1 to {limits.SKILL_DESCRIPTION_MAX:,} characters."
        )
    return description


# The zip


def _check_directory_size(data: bytes) -> None:
    """Before it is read: a few megabytes of entries would become gigabytes of objects. Where the end record stands is
    found as `zipfile` finds it."""
    at = len(data) - END_RECORD_BYTES
    if not (data[at : at + 4] == END_RECORD and data.endswith(b"\x00\x00")):
        at = data.rfind(END_RECORD, max(len(data) - END_RECORD_BYTES - COMMENT_MAX, 0))
    if at < 0 or len(data) - at < END_RECORD_BYTES:
        raise InvalidRequest("files: this is no zip, or only a part of one.")
    locator = at - ZIP64_LOCATOR_BYTES
    if locator >= 0 and data[locator : locator + 4] == ZIP64_LOCATOR:
        raise InvalidRequest("files: zips for huge archives (zip64) are not taken; a skill is far smaller.")
    if int.from_bytes(data[at + 12 : at + 16], "little") > limits.SKILL_FILES_MAX * DIRECTORY_ENTRY_MAX:
        raise InvalidRequest(f"files: a skill has at most {limits.SKILL_FILES_MAX:,} files.")


def _check_members(members: Sequence[zipfile.ZipInfo]) -> None:
    if len(members) > 2 * limits.SKILL_FILES_MAX:  # folders have entries, too
        raise InvalidRequest(f"files: a skill has at most {limits.SKILL_FILES_MAX:,} files.")
    end = 0
    for member in sorted(members, key=lambda member: member.header_offset):
        if member.header_offset < end:
            raise InvalidRequest("files: the zip's members lie over each other.")
        end = member.header_offset + member.compress_size
    for member in members:
        shown = ascii(member.orig_filename[:80])
        if member.flag_bits & ENCRYPTED:
            raise InvalidRequest(f"files: {shown} is encrypted.")
        if member.compress_type not in PLAIN_METHODS:
            raise InvalidRequest(f"files: {shown} is packed in an unusual way; use plain zip compression.")
        if stat.S_IFMT(member.external_attr >> 16) in SPECIAL_KINDS:
            raise InvalidRequest(f"files: {shown} is a link or a device; a skill holds files and folders only.")


def _unpacked(archive: zipfile.ZipFile, members: Iterable[zipfile.ZipInfo]) -> Iterator[SkillFile]:
    left = limits.SKILL_MAX_BYTES
    for member in members:
        path = _member_path(member)
        if path.endswith("/") or stat.S_ISDIR(member.external_attr >> 16):
            _check_path(path.rstrip("/") if path.strip("/") else path)
            continue
        data = _inflated(archive, member, left)
        left -= len(data)
        is_executable = bool(member.external_attr >> 16 & 0o111) or data.startswith(b"#!")
        yield SkillFile(path=path, data=data, is_executable=is_executable)


def _member_path(member: zipfile.ZipInfo) -> str:
    """The name as it was written: `zipfile` cuts it at a NUL. Many programs write UTF-8 without saying so."""
    name = member.orig_filename
    if member.flag_bits & 0x800:
        return name
    try:
        return name.encode("cp437").decode("utf-8")
    except UnicodeError:
        return name


def _inflated(archive: zipfile.ZipFile, member: zipfile.ZipInfo, left: int) -> bytes:
    data = bytearray()
    with archive.open(member) as packed:
        while chunk := packed.read(CHUNK_BYTES):
            data += chunk
            if len(data) > left:
                raise _too_large()
            if len(data) > RATIO_FREE_BYTES and len(data) > limits.SKILL_RATIO_MAX * max(member.compress_size, 1):
                raise InvalidRequest(f"files: {member.filename[:80]!a} unpacks to far more than a text would.")
    return bytes(data)


def _too_large() -> TooLarge:
    return TooLarge(f"files: a skill may have at most {limits.SKILL_MAX_BYTES // 1024**2} MB, unpacked.")
