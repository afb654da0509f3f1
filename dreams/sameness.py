"""PURE: whether texts of a memory speak of the same case, say the same of it, or contradict each other."""

import base64
import hashlib
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence

from dreams.clusters import Cluster
from dreams.entries import KIND_LETTERS, WHOLE_FILE, Entry
from dreams.fixes import Fix
from dreams.limits import NEAR_DUPLICATE_JACCARD
from dreams.literals import holds, literals
from dreams.shingles import jaccard
from dreams.wording import in_words

_EDIT = re.compile(r"\b(add|replace|drop) `([^`]+)`(?: with `([^`]+)`)?")
_NEGATION = re.compile(r"\b(?:not|never|don't|do not|avoid|disable|without|no longer)\b", re.IGNORECASE)


def contradicts(one: Entry, other: Entry) -> bool:
    """Whether two entries speak of the same call and either differ in their edits or say the opposite."""
    if WHOLE_FILE in (one.id, other.id):
        return False
    when, _, action = one.body.partition(" → ")
    other_when, _, other_action = other.body.partition(" → ")
    about, other_about = set(re.findall(r"`([^`]+)`", when)), set(re.findall(r"`([^`]+)`", other_when))
    if not about or about != other_about:
        return False
    if bool(_NEGATION.search(_outside_code(action))) != bool(_NEGATION.search(_outside_code(other_action))):
        return bool(_code_words(action) & _code_words(other_action))
    edits, other_edits = set(_EDIT.findall(action)), set(_EDIT.findall(other_action))
    return bool(edits and other_edits and edits != other_edits)


def _code_words(action: str) -> set[str]:
    return set(re.findall(r"`([^`]+)`", re.sub(r";\s*without it\b.*$", "", action, flags=re.IGNORECASE)))


def _outside_code(text: str) -> str:
    return re.sub(r"`[^`]*`|;\s*without it\b.*$", " ", text, flags=re.IGNORECASE)


def duplicate_key(entry: Entry) -> str:
    """Equal for entries that say the same: case and width do not count outside code, bullets and full stops never."""
    pieces = re.split(r"(`[^`]*`)", entry.body)
    plain = [p if p.startswith("`") else unicodedata.normalize("NFKC", p).casefold() for p in pieces]
    return re.sub(r"\s+", " ", "".join(plain)).strip(" .;,-")


def duplicate_key_of(text: str) -> str:
    """The same for a text that is no entry yet."""
    return duplicate_key(Entry(id="x", path="", text=text))


def duplicates(entries: Iterable[Entry]) -> list[list[Entry]]:
    """Groups of entries that say exactly the same, the one to keep first."""
    groups: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        if not entry.id.startswith(WHOLE_FILE):
            groups[duplicate_key(entry)].append(entry)
    return [sorted(group, key=lambda e: (e.path, e.id)) for group in groups.values() if len(group) > 1]


def near_duplicates(one: Entry, others: Iterable[Entry]) -> list[Entry]:
    """Those that name the same literals in almost the same words. A person is told of them; code merges only what says
    exactly the same, since likeness sees neither a negation nor a condition that is gone."""
    named, key = set(literals(one.body)), duplicate_key(one)
    return [
        other
        for other in others
        if not other.id.startswith(WHOLE_FILE)
        and set(literals(other.body)) == named
        and jaccard(one.body, other.body) >= NEAR_DUPLICATE_JACCARD
        and duplicate_key(other) != key
    ]


def known_as(cluster: Cluster, body: str, entries: Sequence[Entry]) -> Entry | None:
    """The entry that already speaks of this case: its own from an earlier dream, or anybody's words for it."""
    own = id_candidates(cluster)[:3]
    for entry in entries:
        if entry.id in own and _is_about(entry.body, cluster):
            return entry
    for entry in entries:
        if duplicate_key(entry) == duplicate_key_of(body) or _says(entry.body, cluster):
            return entry
    return None


def _is_about(body: str, cluster: Cluster) -> bool:
    claim = cluster.first
    return not claim.program or claim.program in body


def _says(body: str, cluster: Cluster) -> bool:
    """Whether a text holds the case in its own words: program and file type, and the cure or else the error."""
    claim = cluster.first
    if claim.tools:
        return all(f"`{tool}`" in body for tool in claim.tools)
    if not claim.program or not claim.signature:
        return False
    if not holds(body, claim.program) or (claim.scope and claim.scope not in body):
        return False
    if cluster.fix is not None:
        return mentions(body, cluster.fix)
    return claim.signature in body


def mentions(body: str, fix: Fix) -> bool:
    wanted = [in_words(new or old) for _, old, new in fix.edits]
    return all(holds(body, words) for words in wanted)


def id_candidates(cluster: Cluster) -> list[str]:
    digest = base64.b32encode(hashlib.sha256(cluster.key.encode()).digest()).decode().lower()
    letter = KIND_LETTERS[cluster.kind]
    return [f"{letter}-{digest[:size]}" for size in (4, 5, 6)] + [f"{letter}-{digest[i : i + 6]}" for i in range(6, 40)]
