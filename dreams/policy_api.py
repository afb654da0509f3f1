"""Dream policies: what is dreamt about by the clock, and what came of every time it was due."""

from typing import Any, Literal, Required

from ninja import Router
from typing_extensions import TypedDict

from agents.api import queries
from agents.api.auth import ApiRequest
from agents.api.bodies import Body
from agents.api.openapi import asks, takes
from agents.api.pagination import page_of
from dreams import policies
from dreams.access import access_policy
from dreams.models import DreamPolicy, DreamPolicyRun
from dreams.shapes import policy_run_shape, policy_shape


class ScheduleParams(TypedDict, total=False):
    """Five cron fields, read in an IANA time zone (UTC when left out)."""

    type: Required[Literal["cron"]]
    expression: Required[str]
    timezone: str


class SessionsParams(TypedDict, total=False):
    """How many sessions a dream reads at most, and how many days back it looks for them."""

    limit: int
    window_days: int


class ModelParams(TypedDict, total=False):
    id: Required[str]
    speed: Literal["standard", "fast"] | None


class _PolicyParams(TypedDict, total=False):
    """`schedule` null: by hand only; `model` null: the agent's own."""

    name: str
    agent_id: str | None
    objective: str | None
    mode: Literal["review", "auto"]
    model: str | ModelParams | None
    schedule: ScheduleParams | None
    sessions: SessionsParams
    enabled: bool


class DreamPolicyUpdateParams(_PolicyParams, total=False):
    """What is left out stays."""

    memory_store_id: str


class DreamPolicyCreateParams(_PolicyParams):
    """Without a schedule: every night at 03:00 UTC. Without an agent: the sessions of all of them."""

    memory_store_id: str


router = Router(tags=["dream policies"])
create_body = Body(DreamPolicyCreateParams)
update_body = Body(DreamPolicyUpdateParams)


@router.post("", openapi_extra=takes(create_body))
def create_policy(request: ApiRequest) -> dict[str, Any]:
    return policy_shape(policies.create_policy(create_body(request), actor=request.auth))


@router.get("", openapi_extra=asks("limit", "page", "include_archived", "agent_id", "memory_store_id"))
def list_policies(request: ApiRequest) -> dict[str, Any]:
    rows = DreamPolicy.objects.in_workspace(request.auth.workspace)
    if not queries.flag(request, "include_archived"):
        rows = rows.live()
    for name, column in (("agent_id", "agent"), ("memory_store_id", "store")):
        if value := queries.text(request, name):
            rows = rows.filter(**{column: value})
    return page_of(request, rows, policy_shape, listing="dream_policies")


@router.get("/{policy_id}")
def get_policy(request: ApiRequest, policy_id: str) -> dict[str, Any]:
    return policy_shape(access_policy(request.auth, policy_id))


@router.post("/{policy_id}", openapi_extra=takes(update_body))
def update_policy(request: ApiRequest, policy_id: str) -> dict[str, Any]:
    policy = access_policy(request.auth, policy_id)
    return policy_shape(policies.update_policy(policy, update_body(request), actor=request.auth))


@router.post("/{policy_id}/archive")
def archive_policy(request: ApiRequest, policy_id: str) -> dict[str, Any]:
    return policy_shape(policies.archive_policy(access_policy(request.auth, policy_id), actor=request.auth))


@router.post("/{policy_id}/run")
def run_policy(request: ApiRequest, policy_id: str) -> dict[str, Any]:
    """Dream now, whatever the clock says; the answer is the record of it, with the dream's id or why there is none."""
    return policy_run_shape(policies.run_policy(access_policy(request.auth, policy_id), actor=request.auth))


@router.get("/{policy_id}/runs", openapi_extra=asks("limit", "page"))
def list_runs(request: ApiRequest, policy_id: str) -> dict[str, Any]:
    policy = access_policy(request.auth, policy_id)
    rows = DreamPolicyRun.objects.filter(policy=policy)
    return page_of(request, rows, policy_run_shape, listing=f"runs of {policy.pk}")
