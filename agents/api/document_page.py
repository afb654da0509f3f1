"""The OpenAPI document as a page that people read: operations by noun, and every body with its fields."""

from collections.abc import Callable
from functools import cache
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET
from ninja import NinjaAPI

from agents.api.answers import told
from agents.api.examples import example_of
from agents.api.openapi import operations
from agents.api.own_answers import own_answer_of

METHODS = ("get", "post", "delete")
REFERENCE = "#/components/schemas/"
type Schema = dict[str, Any]


def serve_page(api: NinjaAPI) -> Callable[[HttpRequest], HttpResponse]:
    @require_GET
    def api_page(request: HttpRequest) -> HttpResponse:
        return render(
            request,
            "agents/api_document.html",
            {**_parts(api), "base_url": request.build_absolute_uri("/").rstrip("/")},
        )

    return api_page


@cache
def _parts(api: NinjaAPI) -> dict[str, Any]:
    """Everything on the page that no request changes."""
    found = operations(api)
    return {"groups": _groups(found), "types": _types(found)}


def _groups(found: Schema) -> dict[str, list[dict[str, Any]]]:
    """The operations by tag, each with its method, address, words, query parameters and body."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for path, methods in found["paths"].items():
        for method in (name for name in METHODS if name in methods):
            operation = methods[method]
            body, example, own = _body_name(operation), example_of(method, path), own_answer_of(method, path)
            groups.setdefault(operation["tags"][0], []).append(
                {
                    "method": method.upper(),
                    "parts": path.strip("/").split("/"),
                    "summary": operation.get("summary", ""),
                    "description": operation.get("description", ""),
                    "queries": [one["name"] for one in operation.get("parameters", []) if one["in"] == "query"],
                    "beta": next((" or ".join(one["schema"]["enum"]) for one in _betas(operation)), ""),
                    "example": example.code if example else "",
                    "returns": told(example.method) if example and example.method else "",
                    "own": own and {"name": own.kind.__name__, "is_page": own.is_page},
                    "body": body,
                    "fields": _fields(found["components"]["schemas"][body]) if body else [],
                }
            )
    return groups


def _betas(operation: Schema) -> list[Schema]:
    return [one for one in operation["parameters"] if one["name"] == "anthropic-beta"]


def _types(found: Schema) -> dict[str, list[dict[str, Any]]]:
    """What bodies and answers are made of, by name."""
    bodies = {_body_name(operation) for methods in found["paths"].values() for operation in methods.values()}
    schemas = found["components"]["schemas"].items()
    return {name: _fields(schema) for name, schema in sorted(schemas) if name not in bodies}


def _fields(schema: Schema) -> list[dict[str, Any]]:
    """Required ones first, each with its type as words; a word that names another type is marked as such."""
    required = schema.get("required", [])
    rows = [
        {"name": name, "required": name in required, "words": _words(field)}
        for name, field in schema.get("properties", {}).items()
    ]
    return sorted(rows, key=lambda row: not row["required"])


def _words(schema: Schema) -> list[dict[str, Any]]:
    """A type as the words of one line."""
    if reference := schema.get("$ref"):
        return [{"text": reference.removeprefix(REFERENCE), "is_type": True}]
    if choices := schema.get("anyOf") or schema.get("oneOf"):
        return _choices(choices)
    if "const" in schema:
        return _plain(f'"{schema["const"]}"')
    if "enum" in schema:
        return _plain(" or ".join(f'"{value}"' for value in schema["enum"]))
    if schema.get("type") == "array":
        return [*_plain("list of"), *_words(schema.get("items", {}))]
    return _plain(schema.get("type", "any value"))


def _choices(choices: list[Schema]) -> list[dict[str, Any]]:
    is_open = {"type": "string"} in choices  # then the known values are examples, and long
    told = [_words(choice) for choice in choices if not (is_open and "enum" in choice)]
    words = told[0]
    for more in told[1:]:
        words = [*words, *_plain("or"), *more]
    return words


def _plain(text: str) -> list[dict[str, Any]]:
    return [{"text": text, "is_type": False}]


def _body_name(operation: Schema) -> str:
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    return str(content.get("schema", {}).get("$ref", "")).removeprefix(REFERENCE)
