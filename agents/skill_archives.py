"""PURE: a zip -> a checked skill folder, and a folder -> the zip that is kept.

Nothing that a zip says of itself is believed: sizes are counted while inflating, names are checked one by one, and what
is kept is written anew from what was read.
"""

import io
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence

from agents import limits
from agents.exceptions import InvalidRequest
from agents.skill_folders import SkillFile, SkillFolder, check_path, checked_folder, folder_of_files, too_large

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


def folder_of_upload(files: Sequence[tuple[str | None, bytes]]) -> SkillFolder:
    """What a request sent, each file with its name: the files of a folder, or one zip of it."""
    if len(files) == 1 and files[0][1].startswith(ZIP_MAGIC):
        return folder_of_zip(files[0][1])
    return folder_of_files((name or "", data) for name, data in files)


def folder_of_zip(data: bytes) -> SkillFolder:
    """A zip that holds one folder."""
    _check_directory_size(data)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            _check_members(members)
            return checked_folder(_unpacked(archive, members))
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
            check_path(path.rstrip("/") if path.strip("/") else path)
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
                raise too_large()
            if len(data) > RATIO_FREE_BYTES and len(data) > limits.SKILL_RATIO_MAX * max(member.compress_size, 1):
                raise InvalidRequest(f"files: {member.filename[:80]!a} unpacks to far more than a text would.")
    return bytes(data)
