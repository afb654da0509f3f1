"""PURE: changes to single entries, how a store looks once they are made, and what they must never do to it."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from dreams.claims import Cited, Claim
from dreams.entries import (
    INDEX_PATH,
    Entry,
    add_entry,
    all_entries,
    last_first,
    remove_entry,
    render_index,
    replace_entry,
)
from dreams.fixes import Fix
from dreams.limits import EVIDENCE_PER_CHANGE_MAX, INDEX_MAX_LINES, SHRINK_BYTES_MAX, SHRINK_ENTRIES_MAX


class ConservationBroken(Exception):
    """An entry would be lost or changed without a change that says so: nothing of the dream may be kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change to named entries: what stands there, what shall stand there, and everything that speaks for it."""

    op: str  # add | merge | supersede | retire | move | narrow
    topic: str
    path: str
    entry_id: str
    targets: tuple[Entry, ...] = ()
    after: str = ""
    cluster_key: str = ""
    claims: tuple[Claim, ...] = ()
    counter: tuple[Claim, ...] = ()  # claims of the same case that ended otherwise
    reason: str = ""
    code_reason: str = ""
    is_typed: bool = False
    fix: Fix | None = None
    tainted_by: str = ""
    missing: tuple[str, ...] = ()  # literals of merged entries that the result would lose
    novel: tuple[str, ...] = ()  # literals that no claim shows
    conflicts: tuple[str, ...] = ()  # entries that say otherwise, as path#id
    alike: tuple[str, ...] = ()  # entries that say almost the same

    @property
    def before(self) -> str:
        return "\n".join(entry.text for entry in self.targets)

    @property
    def sessions(self) -> tuple[str, ...]:
        return tuple(sorted({claim.session_id for claim in self.claims}))

    @property
    def principals(self) -> tuple[str, ...]:
        return tuple(sorted({claim.principal for claim in self.claims}))

    @property
    def trust(self) -> int:
        return min((claim.trust for claim in self.claims), default=2 if self.code_reason else 0)

    @property
    def cited(self) -> tuple[Cited, ...]:
        """Every quote once, a session's together, each session represented before any is cut."""
        by_claim = [list(dict.fromkeys(claim.cited)) for claim in self.claims]
        rounds = [cites[i] for i in range(max(map(len, by_claim), default=0)) for cites in by_claim if i < len(cites)]
        kept = list(dict.fromkeys(rounds))[:EVIDENCE_PER_CHANGE_MAX]
        return tuple(sorted(kept, key=lambda cite: (cite.session_id, cite.n)))


def apply_changes(files: Mapping[str, str], changes: Iterable[Change]) -> dict[str, str]:
    """The store with the changes made and the index brought up to date; a file that loses its last entry goes."""
    result = dict(files)
    made = list(changes)
    for change in made:
        _apply(result, change)
    if made:
        result[INDEX_PATH] = render_index(result, max_lines=INDEX_MAX_LINES)
    return result


def _apply(files: dict[str, str], change: Change) -> None:
    gone = list(change.targets)
    if change.op in ("merge", "supersede", "narrow"):
        first = gone.pop(0)
        files[first.path] = replace_entry(files[first.path], first.id, change.after)
    for entry in last_first(gone):
        left = remove_entry(files[entry.path], entry.id)
        if is_empty_file(left):
            del files[entry.path]
        else:
            files[entry.path] = left
    if change.op in ("add", "move"):
        files[change.path] = add_entry(files.get(change.path, ""), change.after, title=file_title(change.path))


def is_empty_file(content: str) -> bool:
    """Nothing left but a title."""
    return all(not line.strip() or line.startswith("# ") for line in content.splitlines())


def file_title(path: str) -> str:
    return path.rsplit("/", 1)[-1].removesuffix(".md")


def check_conservation(files: Mapping[str, str], changes: Sequence[Change]) -> None:
    """Raise unless every entry of the store ends in exactly one way and every other one stays letter for letter."""
    named = [(entry.path, entry.id) for change in changes for entry in change.targets]
    if len(named) != len(set(named)):
        raise ConservationBroken("An entry would be changed twice.")
    before = {(entry.path, entry.id): entry for entry in all_entries(files)}
    missing = [place for place in named if place not in before]
    if missing:
        raise ConservationBroken(f"The entry {missing[0][1]} of {missing[0][0]} does not exist.")
    after = apply_changes(files, changes)
    texts = {entry.text for entry in all_entries(after)}
    # Not by id: where several entries share one, their numbers move up when one goes.
    kept = Counter((path, entry.text) for (path, name), entry in before.items() if (path, name) not in named)
    for path, text in kept - Counter((entry.path, entry.text) for entry in all_entries(after)):
        raise ConservationBroken(f"An entry of {path} would be lost: {text[:80]}")
    for change in changes:
        if change.after and change.after not in texts:
            raise ConservationBroken(f"The change to {change.entry_id} would not arrive.")


def shrinks(files: Mapping[str, str], changes: Sequence[Change]) -> bool:
    """Whether more than a fifth of the entries or three tenths of the bytes would go."""
    before = all_entries(files)
    gone = sum(len(c.targets) - (1 if c.op in ("merge", "supersede", "narrow", "move") else 0) for c in changes)
    taken = sum(len(entry.text.encode()) for c in changes for entry in c.targets if c.op in ("merge", "retire"))
    given = sum(len(change.after.encode()) for change in changes if change.op == "merge")
    total = sum(len(entry.text.encode()) for entry in before)
    return bool(before) and (
        gone / len(before) > SHRINK_ENTRIES_MAX or (taken - given) / max(1, total) > SHRINK_BYTES_MAX
    )
