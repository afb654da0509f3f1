"""PURE: what the files of a store become when one proposal is approved, as the diffs that a reviewer reads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dreams.compiler import Change, apply_changes
from dreams.entries import INDEX_PATH, Entry, parse_file
from memory.diffs import Diff, compare


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePreview:
    """One file before and after; `is_new` and `is_gone` say when a side does not exist."""

    path: str
    diff: Diff
    is_new: bool
    is_gone: bool


def preview(
    *, kind: str, path: str, targets: Sequence[Mapping[str, str]], text: str, files: Mapping[str, str]
) -> tuple[FilePreview, ...]:
    """The files that change; entries that are no longer there are left out, the rest is shown all the same."""
    entries = tuple(
        Entry(id=target["entry_id"], path=target["path"], text=target["text"])
        for target in targets
        if parse_file(target["path"], files.get(target["path"], "")).find(target["entry_id"])
    )
    change = Change(op=kind, topic="", path=path, entry_id=entries[0].id if entries else "", targets=entries, after=text)
    if not entries and kind != "add":
        return ()
    after = apply_changes(files, [change])
    paths = sorted((set(files) | set(after)) - {INDEX_PATH})
    return tuple(_file(name, files.get(name), after.get(name)) for name in paths if files.get(name) != after.get(name))


def _file(path: str, old: str | None, new: str | None) -> FilePreview:
    return FilePreview(path=path, diff=compare(old or "", new or ""), is_new=old is None, is_gone=new is None)
