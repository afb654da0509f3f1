"""PURE: what no database and no other program can hold is replaced: U+0000, lone surrogates, NaN and infinity.

Models, tools and transcripts say such things; PostgreSQL refuses them, and a request that repeats one cannot be sent.
"""

import math
import re
from typing import Any

REPLACEMENT = "\ufffd"
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def storable(value: Any) -> Any:
    """The same JSON value; what cannot be stored is U+FFFD in a text, and null in place of a number."""
    if isinstance(value, str):
        return UNSTORABLE.sub(REPLACEMENT, value)
    if isinstance(value, dict):
        return {storable(name): storable(member) for name, member in value.items()}
    if isinstance(value, list | tuple):
        return [storable(member) for member in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
