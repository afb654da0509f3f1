"""PURE: a memory file as entries that can change one by one, every other byte kept as it was."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

WHOLE_FILE = "file"  # the id of a file that has no entries of its own
INDEX_PATH = "/_index.md"
KIND_LETTERS = {"workaround": "w", "pitfall": "p", "workflow": "f", "preference": "r", "fact": "k"}
FOLDERS = {
    "workaround": "workarounds",
    "pitfall": "pitfalls",
    "workflow": "workflows",
    "preference": "preferences",
    "fact": "facts",
}
_ENTRY = re.compile(r"^[ \t]{0,3}[-*] \[(?P<id>[wpfrk]-[a-z0-9]{3,8})\] (?P<body>\S.*?)[ \t]*$")
_SUPPORT = re.compile(r" \((?:\d+ principals?, )?\d+ sessions?(?:, last \d{4}-\d\d-\d\d)?\)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One changeable unit of a memory file: `text` is its whole line, without the line end."""

    id: str
    path: str
    text: str

    @property
    def sha256(self) -> str:
        return text_hash(self.text)

    @property
    def body(self) -> str:
        """What the entry says, without its id and its support."""
        match = _ENTRY.match(self.text)
        return without_support(match["body"] if match else self.text)

    @property
    def kind(self) -> str:
        return next((kind for kind, letter in KIND_LETTERS.items() if self.id.startswith(letter + "-")), "fact")


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A stretch of a file: an entry's line or what stands between entries; `raw` holds the bytes as found."""

    raw: str
    entry: Entry | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryFile:
    path: str
    parts: tuple[Part, ...]

    @property
    def content(self) -> str:
        return "".join(part.raw for part in self.parts)

    @property
    def entries(self) -> tuple[Entry, ...]:
        return tuple(part.entry for part in self.parts if part.entry is not None)

    @property
    def is_structured(self) -> bool:
        return not any(entry.id == WHOLE_FILE for entry in self.entries)

    def find(self, entry_id: str) -> Entry | None:
        return next((entry for entry in self.entries if entry.id == entry_id), None)


def text_hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def entries_hash(entries: Iterable[Entry]) -> str:
    """One hash over named entries, whatever their order: what an approval binds to."""
    lines = sorted(f"{entry.id} {entry.sha256}" for entry in entries)
    return text_hash("\n".join(lines))


def without_support(text: str) -> str:
    """The text without the trailing count of principals and sessions, which is refreshed without being a change."""
    return _SUPPORT.sub("", text.rstrip())


def parse_file(path: str, content: str) -> MemoryFile:
    """Split a file at its entries; a second entry with an id already seen in the file is addressed as `id~2`."""
    parts: list[Part] = []
    seen: dict[str, int] = {}
    for raw in _lines(content):
        match = _ENTRY.match(raw.rstrip("\r\n"))
        if match is None:
            parts.append(Part(raw=raw))
            continue
        seen[match["id"]] = seen.get(match["id"], 0) + 1
        entry_id = match["id"] if seen[match["id"]] == 1 else f"{match['id']}~{seen[match['id']]}"
        parts.append(Part(raw=raw, entry=Entry(id=entry_id, path=path, text=raw.rstrip("\r\n"))))
    if not seen and content.strip():
        return MemoryFile(path=path, parts=(Part(raw=content, entry=Entry(id=WHOLE_FILE, path=path, text=content)),))
    return MemoryFile(path=path, parts=tuple(parts))


def _lines(content: str) -> list[str]:
    # str.splitlines also cuts at U+2028 and friends, which may stand inside an entry.
    return [line for line in re.split(r"(?<=\n)", content) if line]


def replace_entry(content: str, entry_id: str, text: str) -> str:
    """The file with one entry's line exchanged; KeyError when it holds no such entry."""
    if entry_id == WHOLE_FILE:
        return text
    return _rewrite(content, entry_id, text)


def remove_entry(content: str, entry_id: str) -> str:
    """The file without one entry's line; KeyError when it holds no such entry."""
    if entry_id == WHOLE_FILE:
        return ""
    return _rewrite(content, entry_id, None)


def _rewrite(content: str, entry_id: str, text: str | None) -> str:
    parts = parse_file("", content).parts
    if not any(part.entry is not None and part.entry.id == entry_id for part in parts):
        raise KeyError(entry_id)
    return "".join(_exchanged(part, text) if _holds(part, entry_id) else part.raw for part in parts)


def _holds(part: Part, entry_id: str) -> bool:
    return part.entry is not None and part.entry.id == entry_id


def _exchanged(part: Part, text: str | None) -> str:
    if text is None or part.entry is None:
        return ""
    return text + part.raw[len(part.entry.text) :]


def last_first(entries: Iterable[Entry]) -> list[Entry]:
    """In the order in which they can be taken out one by one: without `x`, the entry `x~2` would be called `x`."""
    return sorted(entries, key=lambda entry: (len(entry.id), entry.id), reverse=True)


def add_entry(content: str, text: str, *, title: str = "", after: str | None = None) -> str:
    """The file with one more entry line, behind `after` where it is still there, else behind its last entry."""
    if not content:
        return (f"# {title}\n\n" if title else "") + text + "\n"
    parts = list(parse_file("", content).parts)
    places = [i for i, part in enumerate(parts) if part.entry is not None and part.entry.id != WHOLE_FILE]
    named = [i for i in places if _holds(parts[i], after)] if after else []
    place = (named or places or [len(parts) - 1])[-1]
    raw = [part.raw for part in parts]
    ending = "\r\n" if raw[place].endswith("\r\n") else "\n"
    if not raw[place].endswith("\n"):
        raw[place] += ending
        ending = ""
    return "".join([*raw[: place + 1], text + ending, *raw[place + 1 :]])


def find_entry(files: Mapping[str, str], entry_id: str, *, path: str = "") -> Entry | None:
    """The entry with this id, first in the file where it is expected, else wherever it was moved to."""
    for candidate in [path, *sorted(files)]:
        found = parse_file(candidate, files[candidate]).find(entry_id) if candidate in files else None
        if found is not None:
            return found
        if entry_id == WHOLE_FILE:
            return None
    return None


def all_entries(files: Mapping[str, str]) -> list[Entry]:
    """Every entry of a store in path order; the index is no entry."""
    paths = sorted(path for path in files if path != INDEX_PATH)
    return [entry for path in paths for entry in parse_file(path, files[path]).entries]


def entry_line(entry_id: str, body: str, *, principals: int = 0, sessions: int = 0, last: str = "") -> str:
    """One entry line; support is left out where nothing was counted."""
    if not sessions:
        return f"- [{entry_id}] {body}"
    counted = f"{principals} principal{'s' * (principals != 1)}, {sessions} session{'s' * (sessions != 1)}"
    return f"- [{entry_id}] {body} ({counted}{f', last {last}' if last else ''})"


def render_index(files: Mapping[str, str], *, max_lines: int) -> str:
    """The index: one line per file with the number of its entries."""
    lines = ["# Index", ""]
    paths = sorted(path for path in files if path != INDEX_PATH)
    for path in paths[: max_lines - 3]:
        count = len(parse_file(path, files[path]).entries)
        lines.append(f"- `{path}`: {count} {'entry' if count == 1 else 'entries'}")
    if len(paths) > max_lines - 3:
        lines.append(f"- and {len(paths) - max_lines + 3} more files")
    return "\n".join(lines) + "\n"
