"""The SDK's request types made strict: JSON bytes -> a checked dict, or one clear 400 that names the path.

Pydantic can validate the SDK's TypedDicts, but not as they are: `Iterable` members are validated only when somebody
iterates, unknown members are dropped in silence, and a bad union member is reported once per branch. So the core schema
that pydantic makes of a type is rewritten once, at import: iterables become lists, unknown members are refused, unions
of objects are told apart by their `type` or `name`. What the SDK sends as a header or in the query is taken out.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypedDict, get_type_hints

from django.http import HttpRequest
from pydantic import TypeAdapter
from pydantic_core import SchemaValidator, ValidationError

from agents.api.decoding import body_of
from agents.exceptions import InvalidRequest

type Schema = dict[str, Any]

HEADERS = frozenset({"betas", "workspace_id"})
DISCRIMINATORS = ("type", "name")
UNKNOWN_MEMBER = "extra_forbidden"
WRAPPERS = frozenset({"nullable", "default", "function-after", "function-before", "function-wrap"})
# Errors that every other branch of a union reports too; the deepest of the remaining ones is what the caller meant.
BARE_MISMATCHES = frozenset({"string_type", "dict_type", "int_type", "list_type", "none_required", "literal_error"})
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
        self._validator = SchemaValidator(self._strict(self._adapter.core_schema))

    def __call__(self, request: HttpRequest) -> dict[str, Any]:
        return self.parse(body_of(request) or b"{}")

    def parse(self, raw: bytes) -> dict[str, Any]:
        try:
            body: dict[str, Any] = self._validator.validate_json(raw, strict=True)
        except ValidationError as error:
            raise InvalidRequest(_message_of(error, raw), code=self._code_of(error))
        if UNSTORABLE.search(raw):
            _check_storable(body, "")
        return body

    def _code_of(self, error: ValidationError) -> str | None:
        found = error.errors(include_url=False, include_input=False, include_context=False)
        above = {str(one["loc"][-2]) for one in found if one["type"] == UNKNOWN_MEMBER and len(one["loc"]) > 1}
        return next((code for name, code in self.codes.items() if name in above), None)

    def json_schema(self) -> Schema:
        schema: Schema = self._adapter.json_schema(ref_template="#/components/schemas/{model}")
        for name in self.left_out:
            schema.get("properties", {}).pop(name, None)
        if "required" in schema:
            schema["required"] = [name for name in schema["required"] if name not in self.left_out]
        for one in (schema, *schema.get("$defs", {}).values()):
            if "properties" in one:
                one.setdefault("additionalProperties", False)  # as `_Rewriter` has it
        return schema

    def _strict(self, schema: Any) -> Any:
        definitions = {entry["ref"]: entry for entry in schema.get("definitions", [])}
        return _Rewriter(definitions, self.left_out, self.clearable).rewrite(schema, is_top=True)


def extended(typed_dict: Any, members: Mapping[str, Any]) -> Any:
    """The SDK's type with optional members of our own, each of which may be null."""
    fields = {
        **get_type_hints(typed_dict, include_extras=True),
        **{name: kind | None for name, kind in members.items()},
    }
    return TypedDict(typed_dict.__name__, fields, total=False)  # type: ignore[operator]


class _Rewriter:
    """One walk through a core schema; references are looked up in `definitions`."""

    def __init__(
        self, definitions: dict[str, Schema], left_out: frozenset[str] | set[str], clearable: tuple[type, ...]
    ) -> None:
        self.definitions = definitions
        self.left_out = left_out
        self.clearable = clearable

    def rewrite(self, schema: Schema, *, is_top: bool = False) -> Schema:
        match schema["type"]:
            case "definitions":
                inner = self.rewrite(schema["schema"], is_top=is_top)
                return {
                    **schema,
                    "schema": inner,
                    "definitions": [self.rewrite(entry) for entry in schema["definitions"]],
                }
            case "generator":
                return self._inside({**schema, "type": "list"}, "items_schema")
            case "list" | "set" | "tuple":
                return self._inside(schema, "items_schema")
            case "dict":
                return self._inside(schema, "keys_schema", "values_schema")
            case "typed-dict":
                return self._typed_dict(schema, is_top)
            case "union":
                return self._union(schema)
            case kind if kind in WRAPPERS:
                return self._inside(schema, "schema")
        return schema

    def _inside(self, schema: Schema, *members: str) -> Schema:
        rewritten = {name: self.rewrite(schema[name]) for name in members if isinstance(schema.get(name), dict)}
        return {**schema, **rewritten}

    def _typed_dict(self, schema: Schema, is_top: bool) -> Schema:
        fields = {
            name: {**field, "schema": self.rewrite(field["schema"])}
            for name, field in schema["fields"].items()
            if not (is_top and name in self.left_out)
        }
        if schema.get("cls") in self.clearable:
            fields = {name: field if field.get("required") else _or_null(field) for name, field in fields.items()}
        takes_more = schema.get("extra_behavior") == "allow" or "extras_schema" in schema
        return {**schema, "fields": fields, **({} if takes_more else {"extra_behavior": "forbid"})}

    def _union(self, schema: Schema) -> Schema:
        choices = [self.rewrite(choice[0] if isinstance(choice, tuple) else choice) for choice in schema["choices"]]
        if any(choice["type"] == "str" for choice in choices):
            choices = [choice for choice in choices if choice["type"] != "literal"]  # "known ids or any string"
        objects = [choice for choice in choices if self._resolved(choice)["type"] == "typed-dict"]
        tagged = self._tagged(objects)
        if tagged:
            choices = [*(choice for choice in choices if choice not in objects), tagged]
        if len(choices) == 1:
            return {**choices[0], **({"ref": schema["ref"]} if "ref" in schema else {})}
        return {**schema, "choices": choices}

    def _tagged(self, objects: list[Schema]) -> Schema | None:
        for discriminator in DISCRIMINATORS if len(objects) > 1 else ():
            tags = {tag: choice for choice in objects for tag in self._literals(choice, discriminator)}
            if len(tags) >= len(objects) and all(self._literals(choice, discriminator) for choice in objects):
                return {"type": "tagged-union", "choices": tags, "discriminator": discriminator}
        return None

    def _literals(self, schema: Schema, name: str) -> list[Any]:
        """The values that a required literal member of an object may have; none when there is no such member."""
        field = self._resolved(schema)["fields"].get(name)
        if not field or not field.get("required", True):
            return []
        inner = field["schema"]
        while inner["type"] in ("nullable", "default"):
            inner = inner["schema"]
        return list(inner["expected"]) if inner["type"] == "literal" else []

    def _resolved(self, schema: Schema) -> Schema:
        while schema["type"] == "definition-ref":
            schema = self.definitions[schema["schema_ref"]]
        return schema


def _or_null(field: Schema) -> Schema:
    return {**field, "schema": {"type": "nullable", "schema": field["schema"]}}


def _message_of(error: ValidationError, raw: bytes) -> str:
    """One line: the path of the first member that is wrong, and what is wrong with it."""
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
