"""The OpenAPI document: ninja lists the operations, the bodies are described by the SDK's own request types."""

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from ninja import NinjaAPI

from agents.api.bodies import Body

_bodies: dict[str, Body] = {}
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


def takes(body: Body) -> dict[str, Any]:
    """What an operation adds to its description: the schema of the body that it takes."""
    name = body.type.__name__
    _bodies[name] = body
    reference = {"$ref": f"#/components/schemas/{name}"}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": reference}}}}


def document(api: NinjaAPI) -> dict[str, Any]:
    found = dict(api.get_openapi_schema())
    schemas: dict[str, Any] = {"Error": ERROR}
    for name, body in _bodies.items():
        schema = body.json_schema()
        schemas |= schema.pop("$defs", {})
        schemas[name] = schema
    found["components"] = {**found.get("components", {}), "schemas": schemas}
    return found


def serve_document(api: NinjaAPI) -> Any:
    def openapi(request: HttpRequest) -> HttpResponse:
        return JsonResponse(document(api))

    return openapi
