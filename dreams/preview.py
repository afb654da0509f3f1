"""PURE: what the files of a store become when one proposal is approved, as the diffs that a reviewer reads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dreams.changes import Change, apply_changes
from dreams.entries import INDEX_PATH, Entry
from memory.diffs import Diff, compare


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePreview:
    """One file before and after; `is_new` and `is_gone` say when a side does not exist."""

    path: str
    diff: Diff
    is_new: bool
    is_gone: bool


def preview(
    *, kind: str, path: str, entries: Sequence[Entry], text: str, files: Mapping[str, str]
) -> tuple[FilePreview, ...]:
    """The files that change when `entries`, as they now stand, give way to `text`; nothing when they are all gone."""
    if not entries and kind != "add":
        return ()
    places = {path, *(entry.path for entry in entries)}
    near = {name: content for name, content in files.items() if name in places}
    change = Change(op=kind, topic="", path=path, entry_id="", targets=tuple(entries), after=text)
    after = apply_changes(near, [change])
    paths = sorted((set(near) | set(after)) - {INDEX_PATH})
    return tuple(_file(name, near.get(name), after.get(name)) for name in paths if near.get(name) != after.get(name))


def _file(path: str, old: str | None, new: str | None) -> FilePreview:
    return FilePreview(path=path, diff=compare(old or "", new or ""), is_new=old is None, is_gone=new is None)
