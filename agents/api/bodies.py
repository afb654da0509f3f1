"""The SDK's request types made strict: JSON bytes -> a checked dict, or one clear 400 that names the path."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypedDict, get_type_hints

from django.http import HttpRequest
from pydantic import TypeAdapter
from pydantic_core import SchemaValidator, ValidationError

from agents.api.body_errors import message_of
from agents.api.decoding import body_of
from agents.api.strict_schemas import Schema, strict_schema
from agents.exceptions import InvalidRequest

HEADERS = frozenset({"betas", "workspace_id"})
UNKNOWN_MEMBER = "extra_forbidden"
# Valid for the parser, refused by a database: U+0000, NaN, and numbers so large that they become infinity.
UNSTORABLE = re.compile(rb"\\u0000|NaN|Infinity|\d[eE]\+?\d{3}|\d{300}")


class Body:
    """The body that one operation takes: `body(request)` is the checked dict. `elsewhere` names members of the SDK's
    type that travel in the path or in the query; in the types of `clearable` every optional member may also be null.
    `codes` gives a machine code to the refusal of an unknown member below that one."""

    def __init__(
        self,
        typed_dict: Any,
        *,
        elsewhere: Sequence[str] = (),
        clearable: Sequence[type] = (),
        codes: Mapping[str, str] | None = None,
    ) -> None:
        self.type = typed_dict
        self.left_out = HEADERS | set(elsewhere)
        self.clearable = tuple(clearable)
        self.codes = dict(codes or {})
        self._adapter = TypeAdapter(typed_dict)
        self._validator = SchemaValidator(
            strict_schema(self._adapter.core_schema, left_out=self.left_out, clearable=self.clearable)
        )

    def __call__(self, request: HttpRequest) -> dict[str, Any]:
        return self.parse(body_of(request) or b"{}")

    def parse(self, raw: bytes) -> dict[str, Any]:
        """The checked dict; `InvalidRequest` names the first member that is wrong."""
        try:
            body: dict[str, Any] = self._validator.validate_json(raw, strict=True)
        except ValidationError as error:
            raise InvalidRequest(message_of(error, raw), code=self._code_of(error))
        if UNSTORABLE.search(raw):
            _check_storable(body, "")
        return body

    def _code_of(self, error: ValidationError) -> str | None:
        found = error.errors(include_url=False, include_input=False, include_context=False)
        above = {str(one["loc"][-2]) for one in found if one["type"] == UNKNOWN_MEMBER and len(one["loc"]) > 1}
        return next((code for name, code in self.codes.items() if name in above), None)

    def json_schema(self) -> Schema:
        """The body as the OpenAPI document tells it, as strict as it is taken."""
        schema: Schema = self._adapter.json_schema(ref_template="#/components/schemas/{model}")
        for name in self.left_out:
            schema.get("properties", {}).pop(name, None)
        if "required" in schema:
            schema["required"] = [name for name in schema["required"] if name not in self.left_out]
        for one in (schema, *schema.get("$defs", {}).values()):
            if "properties" in one:
                one.setdefault("additionalProperties", False)  # as the strict schema has it
        return schema


def extended(typed_dict: Any, members: Mapping[str, Any]) -> Any:
    """The SDK's type with optional members of our own, each of which may be null."""
    fields = {
        **get_type_hints(typed_dict, include_extras=True),
        **{name: kind | None for name, kind in members.items()},
    }
    return TypedDict(typed_dict.__name__, fields, total=False)  # type: ignore[operator]


def _check_storable(value: Any, path: str) -> None:
    for place, text in _scalars(value, path):
        if isinstance(text, str) and "\x00" in text:
            raise InvalidRequest(f"{place}: the character U+0000 cannot be stored.")
        if isinstance(text, float) and (text != text or text in (float("inf"), float("-inf"))):
            raise InvalidRequest(f"{place}: NaN and Infinity are not JSON numbers.")


def _scalars(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, member in value.items():
            yield path, name
            yield from _scalars(member, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for index, member in enumerate(value):
            yield from _scalars(member, f"{path}.{index}")
    else:
        yield path, value
