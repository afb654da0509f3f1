"""PURE: the rules of a wire object's `metadata`: string to string, bounded, merged on update."""

from collections.abc import Mapping
from typing import Any

from agents.exceptions import InvalidRequest
from agents.limits import METADATA_KEY_MAX, METADATA_PAIRS_MAX, METADATA_VALUE_MAX


def check_metadata(metadata: Mapping[str, Any] | None) -> dict[str, str]:
    """The metadata of a new object; `InvalidRequest` names the pair that breaks a rule."""
    for key, value in (metadata or {}).items():
        if not 1 <= len(key) <= METADATA_KEY_MAX:
            raise InvalidRequest(
                f"metadata: a key must have 1 to {METADATA_KEY_MAX} characters, {key[:80]!r} does not."
            )
        if not isinstance(value, str):
            raise InvalidRequest(f"metadata.{key}: the value must be a string.")
        if len(value) > METADATA_VALUE_MAX:
            raise InvalidRequest(f"metadata.{key}: the value may have at most {METADATA_VALUE_MAX} characters.")
    if len(metadata or {}) > METADATA_PAIRS_MAX:
        raise InvalidRequest(f"metadata: at most {METADATA_PAIRS_MAX} pairs are allowed.")
    return dict(metadata or {})


def merge_metadata(
    stored: Mapping[str, str], changes: Mapping[str, Any] | None, *, empty_deletes: bool = False
) -> dict[str, str]:
    """What an update leaves: strings upsert, null deletes (an environment's "" as well), the rest stays."""
    changes = changes or {}
    deleted = {key for key, value in changes.items() if value is None or (empty_deletes and value == "")}
    kept = {key: value for key, value in {**stored, **changes}.items() if key not in deleted}
    return check_metadata(kept)
