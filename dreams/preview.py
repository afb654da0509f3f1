"""PURE: what the files of a store become when one proposal is approved, as the diffs that a reviewer reads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agents.diffs import Diff, compare
from dreams.changes import Change, apply_changes
from dreams.entries import INDEX_PATH, Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePreview:
    """One file before and after; `is_new` and `is_gone` say when a side does not exist. The words are those of the
    proposal's entries: a title that a new file gets, or loses with its last entry, is nobody's proposal."""

    path: str
    diff: Diff
    words_added: int
    words_removed: int
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
    words = _words_by_path(kind, path, entries, text)
    return tuple(
        FilePreview(
            path=name,
            diff=compare(near.get(name, ""), after.get(name, "")),
            words_added=words.get(name, (0, 0))[0],
            words_removed=words.get(name, (0, 0))[1],
            is_new=name not in near,
            is_gone=name not in after,
        )
        for name in paths
        if near.get(name) != after.get(name)
    )


def words_changed(*, kind: str, path: str, entries: Sequence[Entry], text: str) -> tuple[int, int]:
    """How many words a proposal adds and removes, over all its files."""
    counts = _words_by_path(kind, path, entries, text).values()
    return sum(added for added, _ in counts), sum(removed for _, removed in counts)


def _words_by_path(kind: str, path: str, entries: Sequence[Entry], text: str) -> dict[str, tuple[int, int]]:
    home = path if kind in ("add", "move") or not entries else entries[0].path
    new = {"retire": "", "move": entries[0].text if entries else text}.get(kind, text)
    counts = {}
    for place in {home, *(entry.path for entry in entries)}:
        # An addition takes nothing away, not even what has its id by now.
        old = "\n".join(entry.text for entry in entries if entry.path == place) if kind != "add" else ""
        diff = compare(old, new if place == home else "")
        counts[place] = (diff.added_words, diff.removed_words)
    return counts
