"""PURE: how memory words a call and a change to it."""

import re
import shlex
from collections.abc import Sequence

from dreams.fixes import Fix


def where(program: str, scope: str) -> str:
    """The condition of a lesson about a call."""
    return f"`{program}` is run on `{scope}`" if scope else f"`{program}` is called"


def edits_in_words(fix: Fix) -> str:
    """What to change in a call, in the words that memory uses for it."""
    return ", then ".join(_edit_in_words(*edit) for edit in fix.edits)


def _edit_in_words(verb: str, old: tuple[str, ...], new: tuple[str, ...]) -> str:
    if verb == "replace":
        return f"replace `{in_words(old)}` with `{in_words(new)}`"
    return f"{verb} `{in_words(new or old)}`"


def in_words(words: Sequence[str]) -> str:
    """Words of a call as they are typed."""
    return " ".join(word if re.fullmatch(r"[\w@%+=:,./*~-]+", word) else shlex.quote(word) for word in words)


def counted(number: int, sessions: int) -> str:
    """How often something was seen, where an entry says it."""
    return f"in {number} of {sessions} session{'s' * (sessions != 1)}"


def uncounted(text: str) -> str:
    """The text without such counts: what is seen once more still says the same."""
    return re.sub(r"\bin \d+ of \d+ sessions?\b ?", "", text)
