"""PURE: how many words a change adds and removes."""

import difflib
import re


def words_changed(before: str, after: str) -> tuple[int, int]:
    """(added, removed)."""
    old, new = re.findall(r"\S+", before), re.findall(r"\S+", after)
    added = removed = 0
    for tag, i, j, k, m in difflib.SequenceMatcher(a=old, b=new, autojunk=False).get_opcodes():
        if tag != "equal":
            removed, added = removed + j - i, added + m - k
    return added, removed
