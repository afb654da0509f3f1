"""Memory stores, memories and their versions."""

from collections.abc import Callable
from typing import Any

from anthropic.types.beta import MemoryStoreCreateParams, MemoryStoreUpdateParams
from anthropic.types.beta.memory_stores import MemoryCreateParams, MemoryUpdateParams
from ninja import Router

from agents.api import queries
from agents.api.auth import ApiRequest
from agents.api.bodies import Body
from agents.api.openapi import asks, takes
from agents.api.pagination import OLDEST_FIRST, limit_of, live_or_all, page_of, slice_of
from agents.exceptions import InvalidRequest
from memory import services
from memory.access import access_memory, access_store, access_version
from memory.limits import FULL_VIEW_PAGE_MAX
from memory.listing import Folder, files_and_folders
from memory.models import ActorType, Memory, MemoryStore, MemoryVersion, Operation
from memory.paths import check_prefix
from memory.shapes import memory_shape, prefix_shape, store_shape, version_shape

VIEWS = ("basic", "full")
CREATED_AT = ("created_at[gte]", "created_at[lte]")
ACTOR_FILTERS = {
    "session_id": ActorType.SESSION,
    "api_key_id": ActorType.API_KEY,
    "service_account_id": ActorType.SERVICE_ACCOUNT,
}
router = Router(tags=["memory"])
create_store_body = Body(MemoryStoreCreateParams)
update_store_body = Body(MemoryStoreUpdateParams)
create_body = Body(MemoryCreateParams, elsewhere=["view"])
update_body = Body(MemoryUpdateParams, elsewhere=["view", "memory_store_id"])
stores = live_or_all(lambda workspace: MemoryStore.objects.in_workspace(workspace))


@router.post("", openapi_extra=takes(create_store_body))
def create_store(request: ApiRequest) -> dict[str, Any]:
    body = create_store_body(request)
    return store_shape(services.create_store(request.auth.workspace, **body, actor=request.auth))


@router.get("", openapi_extra=asks("limit", "page", "include_archived", *CREATED_AT))
def list_stores(request: ApiRequest) -> dict[str, Any]:
    rows = stores[queries.flag(request, "include_archived")]
    created_at = queries.bounds(request, "created_at", ("gte", "lte"))
    asked = rows.of(request.auth.workspace.pk)
    return page_of(request, asked, store_shape, listing="memory_stores", created_at=created_at)


@router.get("/{store_id}")
def get_store(request: ApiRequest, store_id: str) -> dict[str, Any]:
    return store_shape(access_store(request.auth, store_id))


@router.post("/{store_id}", openapi_extra=takes(update_store_body))
def update_store(request: ApiRequest, store_id: str) -> dict[str, Any]:
    store = access_store(request.auth, store_id)
    return store_shape(services.update_store(store, update_store_body(request), actor=request.auth))


@router.post("/{store_id}/archive")
def archive_store(request: ApiRequest, store_id: str) -> dict[str, Any]:
    return store_shape(services.archive_store(access_store(request.auth, store_id), actor=request.auth))


@router.delete("/{store_id}")
def delete_store(request: ApiRequest, store_id: str) -> dict[str, Any]:
    services.delete_store(access_store(request.auth, store_id), actor=request.auth)
    return {"id": store_id, "type": "memory_store_deleted"}


@router.post("/{store_id}/memories", openapi_extra=takes(create_body, "view", view=VIEWS))
def create_memory(request: ApiRequest, store_id: str) -> dict[str, Any]:
    store = access_store(request.auth, store_id)
    body, is_full = create_body(request), _is_full(request, "basic")
    if body["content"] is None:
        raise InvalidRequest('content: it must be a text; use "" for an empty memory.')
    memory = services.create_memory(store, path=body["path"], content=body["content"], actor=request.auth)
    return memory_shape(memory, full=is_full)


@router.get("/{store_id}/memories", openapi_extra=asks("limit", "page", "view", "path_prefix", "depth", view=VIEWS))
def list_memories(request: ApiRequest, store_id: str) -> dict[str, Any]:
    store = access_store(request.auth, store_id)
    is_full = _is_full(request, "basic")
    prefix = check_prefix(queries.text(request, "path_prefix") or "/")
    depth = queries.whole(request, "depth", least=0, most=1) or 0
    found = files_and_folders(Memory.objects.filter(store=store).values_list("path", "pk"), prefix, depth)
    page, next_page = slice_of(
        request,
        found,
        lambda item: (item.path,),
        listing=f"memories of {store.pk}",
        order=OLDEST_FIRST,
        kinds=(str,),
        limit=_limit(request, is_full),
    )
    memories = Memory.objects.in_bulk([item.memory_id for item in page if not isinstance(item, Folder)])
    return {
        "data": [
            prefix_shape(item.path)
            if isinstance(item, Folder)
            else memory_shape(memories[item.memory_id], full=is_full)
            for item in page
            if isinstance(item, Folder) or item.memory_id in memories
        ],
        "next_page": next_page,
    }


@router.get("/{store_id}/memories/{memory_id}", openapi_extra=asks("view", view=VIEWS))
def get_memory(request: ApiRequest, store_id: str, memory_id: str) -> dict[str, Any]:
    memory = access_memory(access_store(request.auth, store_id), memory_id)
    return memory_shape(memory, full=_is_full(request, "full"))


@router.post("/{store_id}/memories/{memory_id}", openapi_extra=takes(update_body, "view", view=VIEWS))
def update_memory(request: ApiRequest, store_id: str, memory_id: str) -> dict[str, Any]:
    memory = access_memory(access_store(request.auth, store_id), memory_id)
    body, is_full = update_body(request), _is_full(request, "basic")
    updated = services.update_memory(
        memory,
        path=body.get("path"),
        content=body.get("content"),
        expected_sha256=_expected(body),
        actor=request.auth,
    )
    return memory_shape(updated, full=is_full)


@router.delete("/{store_id}/memories/{memory_id}", openapi_extra=asks("expected_content_sha256"))
def delete_memory(request: ApiRequest, store_id: str, memory_id: str) -> dict[str, Any]:
    memory = access_memory(access_store(request.auth, store_id), memory_id)
    expected = request.GET.get("expected_content_sha256")  # an empty one is no wish to delete whatever is there
    services.delete_memory(memory, expected_sha256=expected, actor=request.auth)
    return {"id": memory_id, "type": "memory_deleted"}


@router.get(
    "/{store_id}/memory_versions",
    openapi_extra=asks(
        "limit",
        "page",
        "view",
        "memory_id",
        "operation",
        *ACTOR_FILTERS,
        *CREATED_AT,
        view=VIEWS,
        operation=Operation.values,
    ),
)
def list_versions(request: ApiRequest, store_id: str) -> dict[str, Any]:
    store = access_store(request.auth, store_id)
    is_full = _is_full(request, "basic")
    rows = MemoryVersion.objects.filter(store=store, **_version_filters(request))
    for name, actor_type in ACTOR_FILTERS.items():
        if actor_id := queries.text(request, name):
            rows = rows.filter(actor_type=actor_type, actor_id=actor_id)
    return page_of(
        request,
        rows if is_full else rows.defer("content"),
        _shape_of_versions(is_full),
        listing=f"versions of {store.pk}",
        limit=_limit(request, is_full),
        created_at=queries.bounds(request, "created_at", ("gte", "lte")),
    )


@router.get("/{store_id}/memory_versions/{version_id}", openapi_extra=asks("view", view=VIEWS))
def get_version(request: ApiRequest, store_id: str, version_id: str) -> dict[str, Any]:
    version = access_version(access_store(request.auth, store_id), version_id)
    return version_shape(version, full=_is_full(request, "full"))


@router.post("/{store_id}/memory_versions/{version_id}/redact")
def redact_version(request: ApiRequest, store_id: str, version_id: str) -> dict[str, Any]:
    version = access_version(access_store(request.auth, store_id), version_id)
    return version_shape(services.redact_version(version, actor=request.auth), full=True)


def _is_full(request: ApiRequest, default: str) -> bool:
    return queries.choice(request, "view", VIEWS, default) == "full"


def _expected(body: dict[str, Any]) -> str | None:
    """What the precondition demands. One without a hash would hold always, which nobody means who sends one."""
    if "precondition" not in body:
        return None
    if "content_sha256" not in body["precondition"]:
        raise InvalidRequest("precondition.content_sha256: it is missing.")
    return str(body["precondition"]["content_sha256"])


def _limit(request: ApiRequest, is_full: bool) -> int:
    """A page of full views is short whatever the limit says."""
    return min(limit_of(request), FULL_VIEW_PAGE_MAX) if is_full else limit_of(request)


def _version_filters(request: ApiRequest) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if memory_id := queries.text(request, "memory_id"):
        found["memory_id"] = memory_id
    if queries.text(request, "operation"):
        found["operation"] = queries.choice(request, "operation", Operation.values, "")
    return found


def _shape_of_versions(is_full: bool) -> Callable[[MemoryVersion], dict[str, Any]]:
    return lambda version: version_shape(version, full=is_full)
