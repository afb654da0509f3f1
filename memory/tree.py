"""PURE: flat paths as folders, and for each line of a file the version that brought it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """One file of the tree."""

    id: str
    path: str
    name: str
    size: int


@dataclass(slots=True, kw_only=True)
class Folder:
    """A folder with its folders before its files; count covers everything below."""

    name: str
    folders: list["Folder"] = field(default_factory=list)
    files: list[Leaf] = field(default_factory=list)
    count: int = 0


def grow(files: Iterable[tuple[str, str, int]]) -> Folder:
    """The tree of (id, path, size) rows, sorted by name."""
    root = Folder(name="")
    for file_id, path, size in sorted(files, key=lambda row: row[1]):
        *parents, name = path.strip("/").split("/")
        folder = root
        folder.count += 1
        for parent in parents:
            folder = _child(folder, parent)
            folder.count += 1
        folder.files.append(Leaf(id=file_id, path=path, name=name, size=size))
    return root


def _child(folder: Folder, name: str) -> Folder:
    for child in folder.folders:
        if child.name == name:
            return child
    folder.folders.append(Folder(name=name))
    return folder.folders[-1]


def origins(lines: Sequence[str], versions: Iterable[tuple[str, str]]) -> list[str | None]:
    """For each line the oldest version since which it stands there; `versions` are (id, content), newest first.

    Lines are followed by their text, so a line that moves inside the file keeps its origin.
    """
    found: list[str | None] = [None] * len(lines)
    alive = {index for index, line in enumerate(lines) if line.strip()}
    for version_id, content in versions:
        present = set(content.splitlines())
        alive = {index for index in alive if lines[index] in present}
        for index in alive:
            found[index] = version_id
        if not alive:
            break
    return found
