"""What the official client's methods return, as JSON schemas: the models that our answers are tested against."""

import sys
from functools import cache
from typing import Any, get_args, get_origin, get_type_hints, is_typeddict

import anthropic
from anthropic import Stream
from anthropic._response import BinaryAPIResponse
from pydantic import BaseModel, TypeAdapter

from agents.api.own_answers import OwnAnswer
from agents.webhook_events import EVENT_TYPES

REFERENCE = "#/components/schemas/{model}"
BINARY = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
# The SDK knows only the events of whole organizations.
WEBHOOK_ENDPOINTS = ("BetaOrganizationWebhookEndpoint", "BetaNewOrganizationWebhookEndpoint")
type Schema = dict[str, Any]


@cache
def returned_by(method: str) -> Any:
    """The type that `client.<method>()` returns."""
    found: Any = _client()
    for name in method.split("."):
        found = getattr(found, name)
    return get_type_hints(found, vars(sys.modules[found.__module__]))["return"]


@cache
def _client() -> anthropic.Anthropic:
    """It is only looked at."""
    return anthropic.Anthropic(api_key="none", base_url="http://localhost")


def told(method: str) -> str:
    """The same in a word or two for people."""
    kind = returned_by(method)
    if kind is BinaryAPIResponse:
        return "bytes"
    if _is_page(kind):
        return f"a page of {_named(_item_of(kind))}"
    return "server-sent events" if get_origin(kind) is Stream else _named(kind)


def answer_content(method: str, schemas: dict[str, Schema]) -> Schema:
    """The `content` of an operation's answer; the models it needs are added to `schemas`."""
    kind = returned_by(method)
    if kind is BinaryAPIResponse:
        return BINARY
    if get_origin(kind) is Stream:
        return {"text/event-stream": {"schema": _schema(get_args(kind)[0], schemas)}}
    if not _is_page(kind):
        return {"application/json": {"schema": _schema(kind, schemas)}}
    members: Schema = {name: {"type": ["string", "null"]} for name in kind.model_fields if name != "data"}
    if "has_more" in members:
        members["has_more"] = {"type": "boolean"}
    return _page(_schema(_item_of(kind), schemas), members)


def own_content(answer: OwnAnswer, schemas: dict[str, Schema]) -> Schema:
    """The same of an operation beyond the wire."""
    one = _schema(answer.kind, schemas)
    if answer.is_page:
        return _page(one, {"next_page": {"type": ["string", "null"]}})
    return {"application/json": {"schema": one}}


def _page(item: Schema, members: Schema) -> Schema:
    properties = {"data": {"type": "array", "items": item}, **members}
    return {"application/json": {"schema": {"type": "object", "required": list(properties), "properties": properties}}}


def _is_page(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel) and "data" in kind.model_fields and "[" in str(kind)


def _item_of(page: Any) -> Any:
    return page.__pydantic_generic_metadata__["args"][0]


def _named(kind: Any) -> str:
    """A model's name; a union is told by the resource whose parts it lists."""
    if kind is type(None):
        return "null"
    if isinstance(kind, type):
        return kind.__name__
    names = [_named(one) for one in get_args(kind) if isinstance(one, type) or get_args(one)]
    return " or ".join(names) if len(names) <= 4 else "events"


def _schema(kind: Any, schemas: dict[str, Schema]) -> Schema:
    is_model = isinstance(kind, type) and (issubclass(kind, BaseModel) or is_typeddict(kind))
    if is_model and kind.__name__ in schemas:
        return {"$ref": REFERENCE.format(model=kind.__name__)}
    schema = TypeAdapter(kind).json_schema(ref_template=REFERENCE, mode="serialization")
    for name, found in schema.pop("$defs", {}).items():
        schemas.setdefault(name, found)
    if not is_model:
        return schema
    if kind.__name__ in WEBHOOK_ENDPOINTS:
        schema["properties"]["enabled_events"]["items"] = {"type": "string", "enum": sorted(EVENT_TYPES)}
    schemas[kind.__name__] = schema
    return {"$ref": REFERENCE.format(model=kind.__name__)}
