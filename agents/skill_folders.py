"""PURE: the files of a skill's folder -> a checked skill, named and described by its SKILL.md."""

import re
import unicodedata
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


def folder_of_files(files: Iterable[tuple[str, bytes]]) -> SkillFolder:
    """Files named `folder/SKILL.md` and so on; a script that says how it is run may be run."""
    return checked_folder(SkillFile(path=path, data=data, is_executable=data.startswith(b"#!")) for path, data in files)


def checked_folder(found: Iterable[SkillFile]) -> SkillFolder:
    """The files of one top folder as a skill: their paths, their number and size, and what SKILL.md says."""
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
            raise too_large()
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
        check_path(path)
        plain = _plain(path)
        if plain in files:
            raise InvalidRequest(f"files: {path!r} and {files[plain]!r} are one file on some systems.")
        files[plain] = path
        folders |= {plain.rsplit("/", depth)[0] for depth in range(1, plain.count("/") + 1)}
    if both := sorted(folders & files.keys()):
        raise InvalidRequest(f"files: {files[both[0]]!r} is a file and a folder.")


def check_path(path: str) -> None:
    """Refuse a path that leads out of its folder, or that no file system would keep as it is."""
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


def too_large() -> TooLarge:
    """What is raised when a skill is larger than it may be."""
    return TooLarge(f"files: a skill may have at most {limits.SKILL_MAX_BYTES // 1024**2} MB, unpacked.")


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
