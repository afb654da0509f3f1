"""The OpenAPI document: ninja lists the operations, the SDK's own request types describe the bodies."""

import re
from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from functools import cache
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_GET
from ninja import NinjaAPI

from agents.api.answers import answer_content, own_content
from agents.api.auth import BEYOND_THE_WIRE, GROUPS, VERSIONS
from agents.api.bodies import Body
from agents.api.examples import example_of
from agents.api.own_answers import OWN_ANSWERS, own_answer_of
from agents.api.stream import PREVIEWS
from agents.limits import (
    AGENT_VERSION_MAX,
    PAGE_DEFAULT,
    PAGE_MAX,
    WORK_BLOCK_MS_MAX,
    WORK_RECLAIM_MS_MAX,
    WORK_TTL_WISH_MAX,
)

ID = re.compile(r"{(\w+)}")
ERROR_TYPES = (
    "invalid_request_error",
    "authentication_error",
    "permission_error",
    "not_found_error",
    "conflict_error",
    "memory_path_conflict_error",
    "memory_precondition_failed_error",
    "request_too_large",
    "rate_limit_error",
    "api_error",
)
ERROR = {
    "type": "object",
    "required": ["type", "error", "request_id"],
    "properties": {
        "type": {"const": "error"},
        "error": {
            "type": "object",
            "required": ["type", "message"],
            "properties": {
                "type": {"enum": list(ERROR_TYPES)},
                "message": {"type": "string"},
                "details": {"type": "object"},
            },
        },
        "request_id": {"type": "string"},
    },
}
REFUSAL = {
    "description": "Refused: the type and the status say why",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
}
# Served beside ninja, which therefore does not list them: the address, and what is read of a session or thread.
STREAMS = {
    "/v1/sessions/{session_id}/events/stream": "Stream Session Events",
    "/v1/sessions/{session_id}/threads/{thread_id}/stream": "Stream Thread Events",
}
# Query parameters that are no text: whole numbers with the least and the most that each takes, and flags by how they
# begin.
INTEGERS = {
    "version": (1, AGENT_VERSION_MAX),
    "agent_version": (1, AGENT_VERSION_MAX),
    "depth": (0, 1),
    "block_ms": (1, WORK_BLOCK_MS_MAX),
    "reclaim_older_than_ms": (0, WORK_RECLAIM_MS_MAX),
    "desired_ttl_seconds": (1, WORK_TTL_WISH_MAX),
}
FLAGS = ("include_", "has_")
_bodies: dict[str, Body] = {}


def takes(body: Body, *queries: str, **shown: Any) -> dict[str, Any]:
    """What an operation adds to its description: the schema of its body, and the query parameters it reads."""
    name = body.type.__name__
    _bodies[name] = body
    reference = {"$ref": f"#/components/schemas/{name}"}
    content = {"application/json": {"schema": reference}}
    return {"requestBody": {"required": True, "content": content}, **asks(*queries, **shown)}


def asks(
    *queries: str, default: int = PAGE_DEFAULT, most: int = PAGE_MAX, least: int = 1, **choices: Iterable[str]
) -> dict[str, Any]:
    """The query parameters that an operation reads: the bounds are those of `limit`, `choices` name all values that a
    parameter takes."""
    limit = {"type": "integer", "minimum": least, "maximum": most, "default": default}
    schemas = {name: limit if name == "limit" else _query_schema(name, choices) for name in queries}
    return {"parameters": [{"name": name, "in": "query", "schema": schema} for name, schema in schemas.items()]}


def _query_schema(name: str, choices: Mapping[str, Iterable[str]]) -> dict[str, Any]:
    if name.startswith("created_at["):
        return {"type": "string", "format": "date-time"}
    if name in INTEGERS:
        least, most = INTEGERS[name]
        return {"type": "integer", "minimum": least, "maximum": most}
    if name.startswith(FLAGS):
        return {"type": "boolean"}
    plain = name.removesuffix("[]")
    one = {"type": "string", "enum": list(choices[plain])} if plain in choices else {"type": "string"}
    return {"type": "array", "items": one} if name.endswith("[]") else one


@cache
def operations(api: NinjaAPI) -> dict[str, Any]:
    """The document without what operations answer, which takes long to describe; the same for as long as we run."""
    found = dict(api.get_openapi_schema())
    streams = {address: {"get": _stream(address, summary)} for address, summary in STREAMS.items()}
    found["paths"] = {**found["paths"], **streams}
    for path, methods in found["paths"].items():
        for method, operation in methods.items():
            _complete(method, path, operation)
    schemas: dict[str, Any] = {"Error": ERROR}
    for name, body in _bodies.items():
        schema = body.json_schema()
        schemas |= schema.pop("$defs", {})
        schemas[name] = schema
    for answer in OWN_ANSWERS.values():
        own_content(answer, schemas)
    found["components"] = {"schemas": schemas, "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}}}
    found["security"] = [{"key": []}]
    return found


@cache
def document(api: NinjaAPI) -> dict[str, Any]:
    """All of it, with the SDK's own models of what each operation answers."""
    found = deepcopy(operations(api))
    for path, methods in found["paths"].items():
        for method, operation in methods.items():
            if content := _answer(method, path, found["components"]["schemas"]):
                operation["responses"][200] = {"description": "OK", "content": content}
    return found


def _answer(method: str, path: str, schemas: dict[str, Any]) -> dict[str, Any] | None:
    """What it answers; None where the operation says so itself."""
    if own := own_answer_of(method, path):
        return own_content(own, schemas)
    example = example_of(method, path)
    return answer_content(example.method, schemas) if example and example.method else None


def _complete(method: str, path: str, operation: dict[str, Any]) -> None:
    """What every operation has: its headers, what a refusal looks like, and an example where there is one."""
    operation["tags"] = list(dict.fromkeys(operation["tags"]))
    operation["parameters"] = [*operation.get("parameters", []), *_headers(path)]
    operation["responses"] = {200: {"description": "OK"}, **operation["responses"], "default": REFUSAL}
    if example := example_of(method, path):
        operation["x-codeSamples"] = [{"lang": "python", "label": "anthropic", "source": example.code}]


def _headers(path: str) -> list[dict[str, Any]]:
    """The wire's version, and the beta of the group; what the wire does not know has none."""
    version = {"name": "anthropic-version", "in": "header", "required": True, "schema": {"enum": list(VERSIONS)}}
    _, _, group, *rest = path.split("/")
    betas = set() if rest and rest[-1] in BEYOND_THE_WIRE else GROUPS.get(group, set())
    beta = {"name": "anthropic-beta", "in": "header", "required": True, "schema": {"enum": sorted(betas)}}
    return [version, beta] if betas else [version]


def serve_document(api: NinjaAPI) -> Callable[[HttpRequest], HttpResponse]:
    @require_GET
    def openapi(request: HttpRequest) -> HttpResponse:
        return JsonResponse(document(api))

    return openapi


def _stream(address: str, summary: str) -> dict[str, Any]:
    ids = [{"in": "path", "name": name, "required": True, "schema": {"type": "string"}} for name in ID.findall(address)]
    wanted = asks("event_deltas[]", event_deltas=PREVIEWS)["parameters"]
    return {
        "summary": summary,
        "description": "Server-sent events from the connection on; what came before stands in the list of events.",
        "parameters": [*ids, *wanted],
        "responses": {200: {"description": "OK", "content": {"text/event-stream": {"schema": {"type": "string"}}}}},
        "tags": ["sessions"],
    }
