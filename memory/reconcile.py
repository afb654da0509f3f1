"""PURE: a mounted folder, its store and what both were when they last agreed -> what to write, and what collides."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

DELETIONS_MIN, DELETIONS_MAX, DELETIONS_SHARE = 8, 50, 4  # wire contract: max(8, min(50, n / 4)) at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What the agent did to one file: `text` None deletes it; `expected` None creates it."""

    path: str
    text: str | None
    expected: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """`writes` touch only what the store still holds as the agent saw it; `collisions` were changed on both sides;
    `kept` were deleted in the folder, too many at once to be meant."""

    writes: list[Change]
    collisions: list[Change]
    kept: list[str]


def reconcile(base: Mapping[str, str], local: Mapping[str, str], remote: Mapping[str, str]) -> Plan:
    """`base` and `remote` map paths to hashes, `local` to texts; deletions come first, so that a folder may replace a
    file."""
    changes = [_change(path, base, local) for path in sorted({*base, *local})]
    real = [change for change in changes if change and digest(change.text) != remote.get(change.path)]
    deletions = [change for change in real if change.text is None]
    kept = [change.path for change in deletions] if len(deletions) > _deletions_allowed(len(base)) else []
    meant = sorted((change for change in real if change.path not in kept), key=lambda change: change.text is not None)
    return Plan(
        writes=[change for change in meant if remote.get(change.path) == change.expected],
        collisions=[change for change in meant if remote.get(change.path) != change.expected],
        kept=kept,
    )


def digest(text: str | None) -> str | None:
    return None if text is None else sha256(text.encode()).hexdigest()


def beside(path: str, session_id: str, number: int = 1) -> str:
    """Where a text goes whose own place was changed by somebody else: `/a/b.md` -> `/a/b.conflict-x1y2z3.md`."""
    folder, _, name = path.rpartition("/")
    stem, dot, ending = name.rpartition(".")
    mark = f"conflict-{session_id[-6:]}" + (f"-{number}" if number > 1 else "")
    return f"{folder}/{stem}.{mark}.{ending}" if dot and stem else f"{folder}/{name}.{mark}"


def _change(path: str, base: Mapping[str, str], local: Mapping[str, str]) -> Change | None:
    before, text = base.get(path), local.get(path)
    return None if digest(text) == before else Change(path=path, text=text, expected=before)


def _deletions_allowed(files: int) -> int:
    return max(DELETIONS_MIN, min(DELETIONS_MAX, files // DELETIONS_SHARE))
