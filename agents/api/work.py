"""The work queue of a self-hosted environment, as its workers and its owner see it."""

from typing import Any, Required, TypedDict

from anthropic.types.beta.environments import WorkStopParams
from ninja import Router

from agents.access import access_environment, access_work
from agents.api import queries
from agents.api.auth import ApiRequest
from agents.api.bodies import Body
from agents.api.openapi import asks, takes
from agents.api.pagination import limit_of, page_of
from agents.api.shapes.work import stats_shape, work_shape
from agents.limits import (
    WORK_BLOCK_MS_MAX,
    WORK_PAGE_DEFAULT,
    WORK_PAGE_MAX,
    WORK_RECLAIM_MS_MAX,
    WORK_TTL_WISH_MAX,
)
from agents.services import work as services
from agents.services.work_queue import stats_of


class WorkUpdateParams(TypedDict):
    """Values are checked by the verb, which gives each fault the wire's code."""

    metadata: Required[dict[str, Any]]


router = Router(tags=["work"])
stop_body = Body(WorkStopParams, elsewhere=["environment_id"])
update_body = Body(WorkUpdateParams)


@router.get("/{environment_id}/work/poll", openapi_extra=asks("block_ms", "reclaim_older_than_ms"))
def poll_work(request: ApiRequest, environment_id: str) -> dict[str, Any] | None:
    """The oldest item that waits, or null; for `block_ms` the web server asks again before it says null."""
    environment = access_environment(request.auth, environment_id)
    queries.whole(request, "block_ms", least=1, most=WORK_BLOCK_MS_MAX)
    reclaim_ms = queries.whole(request, "reclaim_older_than_ms", least=0, most=WORK_RECLAIM_MS_MAX)
    worker_id = request.headers.get("anthropic-worker-id", "")
    found = services.poll(environment, worker_id=worker_id, reclaim_ms=reclaim_ms)
    return work_shape(found[0], secret=found[1]) if found else None


@router.get("/{environment_id}/work/stats")
def work_stats(request: ApiRequest, environment_id: str) -> dict[str, Any]:
    return stats_shape(stats_of(access_environment(request.auth, environment_id)))


@router.get(
    "/{environment_id}/work", openapi_extra=asks("limit", "page", default=WORK_PAGE_DEFAULT, most=WORK_PAGE_MAX)
)
def list_work(request: ApiRequest, environment_id: str) -> dict[str, Any]:
    environment = access_environment(request.auth, environment_id)
    limit = limit_of(request, default=WORK_PAGE_DEFAULT, longest=WORK_PAGE_MAX)
    return page_of(request, environment.work.all(), work_shape, listing=f"work of {environment.pk}", limit=limit)


@router.get("/{environment_id}/work/{work_id}")
def get_work(request: ApiRequest, environment_id: str, work_id: str) -> dict[str, Any]:
    return work_shape(access_work(access_environment(request.auth, environment_id), work_id))


@router.post("/{environment_id}/work/{work_id}", openapi_extra=takes(update_body))
def update_work(request: ApiRequest, environment_id: str, work_id: str) -> dict[str, Any]:
    item = access_work(access_environment(request.auth, environment_id), work_id)
    return work_shape(services.update_work(item, update_body(request)["metadata"], actor=request.auth))


@router.post("/{environment_id}/work/{work_id}/ack")
def acknowledge_work(request: ApiRequest, environment_id: str, work_id: str) -> dict[str, Any]:
    item = access_work(access_environment(request.auth, environment_id), work_id)
    return work_shape(services.acknowledge(item))


@router.post(
    "/{environment_id}/work/{work_id}/heartbeat", openapi_extra=asks("expected_last_heartbeat", "desired_ttl_seconds")
)
def beat_work(request: ApiRequest, environment_id: str, work_id: str) -> dict[str, Any]:
    item = access_work(access_environment(request.auth, environment_id), work_id)
    ttl_seconds = queries.whole(request, "desired_ttl_seconds", least=1, most=WORK_TTL_WISH_MAX)
    expected = request.GET.get("expected_last_heartbeat")
    item, is_extended = services.beat(item, expected=expected, ttl_seconds=ttl_seconds)
    return {"type": "work_heartbeat", **services.lease_state(item, is_extended=is_extended)}


@router.post("/{environment_id}/work/{work_id}/stop", openapi_extra=takes(stop_body))
def stop_work(request: ApiRequest, environment_id: str, work_id: str) -> dict[str, Any]:
    item = access_work(access_environment(request.auth, environment_id), work_id)
    force = bool(stop_body(request).get("force"))
    return work_shape(services.stop_work(item, force=force, actor=request.auth))
