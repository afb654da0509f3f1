"""PURE: the files below a prefix in the order of their paths, deeper folders as one entry each where asked for.

Sorted here and not by the database, whose collation differs from one installation to the next: a store holds at most
2,000 paths.
"""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class File:
    path: str
    memory_id: str


@dataclass(frozen=True, slots=True)
class Folder:
    path: str


def files_and_folders(paths: Iterable[tuple[str, str]], prefix: str, depth: int) -> list[File | Folder]:
    """`paths` are `(path, memory id)`; depth 0 is the whole subtree, depth 1 only what lies directly in the prefix."""
    inside = sorted(entry for entry in paths if entry[0].startswith(prefix))
    if depth == 0:
        return [File(path, memory_id) for path, memory_id in inside]
    found: dict[str, File | Folder] = {}
    for path, memory_id in inside:
        head, slash, _ = path[len(prefix) :].partition("/")
        found[head + slash] = Folder(prefix + head + slash) if slash else File(path, memory_id)
    return sorted(found.values(), key=lambda item: item.path)
