"""The OpenAPI document: ninja lists the operations, the SDK's own request types describe the bodies."""

import re
from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_GET
from ninja import NinjaAPI

from agents.api.bodies import Body

ID = re.compile(r"{(\w+)}")
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
# Served beside ninja, which therefore does not list them: the address, and what is read of a session or thread.
STREAMS = {
    "/v1/sessions/{session_id}/events/stream": "Stream Session Events",
    "/v1/sessions/{session_id}/threads/{thread_id}/stream": "Stream Thread Events",
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
    streams = {address: {"get": _stream(address, summary)} for address, summary in STREAMS.items()}
    found["paths"] = {**found["paths"], **streams}
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


def _stream(address: str, summary: str) -> dict[str, Any]:
    ids = [{"in": "path", "name": name, "required": True, "schema": {"type": "string"}} for name in ID.findall(address)]
    wanted = asks("event_deltas[]")["parameters"]
    return {
        "summary": summary,
        "description": "Server-sent events from the connection on; what came before stands in the list of events.",
        "parameters": [*ids, *wanted],
        "responses": {200: {"description": "OK", "content": {"text/event-stream": {"schema": {"type": "string"}}}}},
        "tags": ["sessions"],
    }
