"""Why a body was refused, in one line that names the path of the first member that is wrong."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from pydantic_core import ValidationError

from agents.api.strict_schemas import DISCRIMINATORS

# Errors that every other branch of a union reports too; the deepest of the remaining ones is what the caller meant.
BARE_MISMATCHES = frozenset({"string_type", "dict_type", "int_type", "list_type", "none_required", "literal_error"})


def message_of(error: ValidationError, raw: bytes) -> str:
    """`raw` is the body as it was sent: of pydantic's errors the one that the caller most likely meant is told."""
    errors = error.errors(include_url=False, include_input=False)
    errors.sort(key=lambda found: (not _is_wrong_kind(found), found["type"] in BARE_MISMATCHES, -len(found["loc"])))
    first = errors[0]
    if first["type"] == "json_invalid":
        return f"The request body is not JSON: {first['msg'].removeprefix('Invalid JSON: ')}."
    if not first["loc"]:
        return "The request body must be a JSON object."
    member, said = _said(first)
    return f"{'.'.join([*_path(first['loc'], json.loads(raw)), *member])}: {said}"


def _said(found: Any) -> tuple[list[str], str]:
    """What is wrong, and with which member where pydantic names only the object: the one that tells objects apart."""
    if found["type"] not in ("union_tag_not_found", "union_tag_invalid"):
        return [], found["msg"]
    context = found["ctx"]
    is_missing = found["type"] == "union_tag_not_found"
    said = "Field required" if is_missing else f"Input should be {context['expected_tags']}"
    return [context["discriminator"].strip("'")], said


def _is_wrong_kind(found: Any) -> bool:
    """A body of another `type`: what else is wrong with it follows from that."""
    return bool(found["type"] == "literal_error" and found["loc"] == ("type",))


def _path(location: Sequence[int | str], value: Any) -> Iterator[str]:
    """The members on the way to an error; pydantic's location also names the union branches that it took."""
    is_tag_passed = False
    for place, part in enumerate(location, start=1):
        is_last = place == len(location)
        if isinstance(value, dict) and not is_last and not is_tag_passed and part in map(value.get, DISCRIMINATORS):
            is_tag_passed = True
        elif (isinstance(value, list) and isinstance(part, int)) or (isinstance(value, dict) and part in value):
            value, is_tag_passed = value[part], False  # type: ignore[index]
            yield str(part)
        elif is_last and not _is_branch(part):
            yield str(part)


def _is_branch(part: int | str) -> bool:
    return isinstance(part, str) and (part[:1].isupper() or "[" in part or part in ("str", "datetime", "tagged-union"))
