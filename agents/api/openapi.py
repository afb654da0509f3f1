"""The OpenAPI document and its page: ninja lists the operations, the SDK's own request types describe the bodies."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET
from ninja import NinjaAPI

from agents.api.bodies import Body

METHODS = ("get", "post", "delete")
ERROR = {
    "type": "object",
    "required": ["type", "error", "request_id"],
    "properties": {
        "type": {"const": "error"},
        "error": {
            "type": "object",
            "required": ["type", "message"],
            "properties": {"type": {"type": "string"}, "message": {"type": "string"}, "details": {"type": "object"}},
        },
        "request_id": {"type": "string"},
    },
}
_bodies: dict[str, Body] = {}


def takes(body: Body, *queries: str) -> dict[str, Any]:
    """What an operation adds to its description: the schema of its body, and the query parameters it reads."""
    name = body.type.__name__
    _bodies[name] = body
    reference = {"$ref": f"#/components/schemas/{name}"}
    content = {"application/json": {"schema": reference}}
    return {"requestBody": {"required": True, "content": content}, **asks(*queries)}


def asks(*queries: str) -> dict[str, Any]:
    """The query parameters that an operation reads."""
    return {"parameters": [{"name": name, "in": "query", "schema": {"type": "string"}} for name in queries]}


def document(api: NinjaAPI) -> dict[str, Any]:
    found = dict(api.get_openapi_schema())
    schemas: dict[str, Any] = {"Error": ERROR}
    for name, body in _bodies.items():
        schema = body.json_schema()
        schemas |= schema.pop("$defs", {})
        schemas[name] = schema
    found["components"] = {"schemas": schemas, "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}}}
    found["security"] = [{"key": []}]
    return found


def serve_document(api: NinjaAPI) -> Callable[[HttpRequest], HttpResponse]:
    @require_GET
    def openapi(request: HttpRequest) -> HttpResponse:
        return JsonResponse(document(api))

    return openapi


def serve_page(api: NinjaAPI) -> Callable[[HttpRequest], HttpResponse]:
    @require_GET
    def api_page(request: HttpRequest) -> HttpResponse:
        return render(request, "agents/api_document.html", {"groups": _groups(document(api))})

    return api_page


def _groups(found: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The operations by tag, each with its method, address, words, query parameters and body."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for path, methods in found["paths"].items():
        for method in (name for name in METHODS if name in methods):
            operation = methods[method]
            groups.setdefault(operation["tags"][0], []).append(
                {
                    "method": method.upper(),
                    "path": path,
                    "summary": operation.get("description") or operation.get("summary", ""),
                    "queries": [one["name"] for one in operation.get("parameters", []) if one["in"] == "query"],
                    "body": _body_name(operation),
                }
            )
    return groups


def _body_name(operation: dict[str, Any]) -> str:
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    return str(content.get("schema", {}).get("$ref", "")).rpartition("/")[2]
