"""Pydantic's core schema of an SDK type made strict: no member beyond those it names, no doubt about a union's branch.

Pydantic can validate the SDK's TypedDicts, but not as they are: `Iterable` members are validated only when somebody
iterates, unknown members are dropped in silence, and a bad union member is reported once per branch. So the core schema
that pydantic makes of a type is rewritten once, at import: iterables become lists, unknown members are refused, unions
of objects are told apart by their `type` or `name`. What the SDK sends as a header or in the query is taken out.
"""

from collections.abc import Collection
from typing import Any

type Schema = dict[str, Any]

DISCRIMINATORS = ("type", "name")
WRAPPERS = frozenset({"nullable", "default", "function-after", "function-before", "function-wrap"})


def strict_schema(schema: Any, *, left_out: Collection[str], clearable: Collection[type]) -> Any:
    """The core schema rewritten. `left_out` are members of the body itself that travel elsewhere; in the types of
    `clearable` every optional member may also be null."""
    definitions = {entry["ref"]: entry for entry in schema.get("definitions", [])}
    return _Rewriter(definitions, left_out, clearable).rewrite(schema, is_top=True)


class _Rewriter:
    """One walk through a core schema; references are looked up in `definitions`."""

    def __init__(self, definitions: dict[str, Schema], left_out: Collection[str], clearable: Collection[type]) -> None:
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
