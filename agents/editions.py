"""PURE: two people who change one thing: what somebody saw of it, so that saving does not undo what they never saw."""

import json
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any

from agents.exceptions import EditedMeanwhile

DIGITS = 16  # of each column's hash


def edition_of(shown: Any) -> str:
    """The same as long as nobody changes what is shown: each column by name with a hash of its value. A row names in
    `EDITED` the columns that people change on its page; whatever else is shown comes as a mapping."""
    values = shown if isinstance(shown, Mapping) else {name: getattr(shown, name) for name in shown.EDITED}
    return " ".join(f"{name}:{_hash(value)}" for name, value in values.items())


def check_edition(seen: str, shown: Any, changes: Iterable[str]) -> None:
    """`EditedMeanwhile` where a column of `changes` is not as it was in the edition that somebody saw; without one
    whatever is there is overwritten. Call it under the row's lock."""
    then, now = _columns(seen), _columns(edition_of(shown))
    if seen and any(then.get(name) != now.get(name) for name in changes if name in then or name in now):
        raise EditedMeanwhile("Somebody else saved it meanwhile.")


def _hash(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, default=lambda other: str(getattr(other, "pk", other)))
    return sha256(text.encode()).hexdigest()[:DIGITS]


def _columns(edition: str) -> dict[str, str]:
    return {name: value for name, _, value in (part.partition(":") for part in edition.split())}
