"""Which key a call brings, what it may do, and whether the call speaks the version and the beta of its endpoint."""

from typing import get_args

from anthropic.types.anthropic_beta_param import AnthropicBetaParam
from django.conf import settings
from django.http import HttpRequest

from agents.actors import Actor
from agents.api.reach import READING, Holder, check_reach, find_worker
from agents.callers import tell_caller
from agents.crypto import is_well_formed, key_digest
from agents.exceptions import InvalidRequest, NotAuthenticated, NotFound, PermissionDenied
from agents.models import ApiKey, EnvironmentKey, Scope, WorkItem
from agents.prepared import PreparedQuery
from agents.rates import count_call
from agents.services.api_keys import note_use

VERSIONS = ("2026-10-21", "2023-06-01")
MANAGED_AGENTS = "managed-agents-2026-04-01"
AGENT_MEMORY = "agent-memory-2026-07-22"
DREAMING = "dreaming-2026-04-21"
WEBHOOKS = "webhooks-2026-10-07"
KNOWN_BETAS = frozenset(get_args(get_args(AnthropicBetaParam)[1]))
GROUPS = {
    "agents": {MANAGED_AGENTS},
    "environments": {MANAGED_AGENTS},
    "sessions": {MANAGED_AGENTS},
    "deployments": {MANAGED_AGENTS},
    "deployment_runs": {MANAGED_AGENTS},
    "memory_stores": {AGENT_MEMORY, MANAGED_AGENTS},  # the second is the older spelling
    "dreams": {DREAMING},
    "vaults": {MANAGED_AGENTS},
    "organizations": {WEBHOOKS},
}
# Endpoints that the wire does not know belong to no beta.
BEYOND_THE_WIRE = ("import", "verdict", "verdicts", "escalate")
DECIDING = ("proposals",)


find_live_key = PreparedQuery[ApiKey](
    lambda digest: ApiKey.objects.filter(digest=digest, revoked_at=None).select_related("workspace")
)


class ApiRequest(HttpRequest):
    """A request behind `authenticate`."""

    auth: Actor
    request_id: str


def authenticate(request: HttpRequest) -> Actor:
    """The actor behind the request's key, whose call is counted."""
    actor = identify(request)
    if actor.api_key:
        count_call(actor.workspace.pk, is_read=request.method in READING)
    return actor


def identify(request: HttpRequest) -> Actor:
    """The actor behind the request's key, allowed to do what the method and the address ask."""
    holder = _find_holder(_credential(request))
    tell_caller(request, holder.pk)
    _check_workspace(request, holder)
    _check_version(request)
    _check_address(request)
    _check_betas(request)
    check_reach(request, holder)
    actor = _actor_of(holder)
    actor.require(_scope_of(request))
    if not isinstance(holder, WorkItem):
        note_use(holder)
    return actor


def _credential(request: HttpRequest) -> str:
    bearer, old = request.headers.get("authorization", ""), request.headers.get("x-api-key", "")
    if bearer and old:
        raise NotAuthenticated("Send the API key in Authorization or in x-api-key, not in both.")
    if old:
        return old
    scheme, _, key = bearer.partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        raise NotAuthenticated("An API key is needed: send it as 'Authorization: Bearer <key>'.")
    return key.strip()


def _find_holder(text: str) -> Holder:
    """By the text itself: on the wire a worker's key and token look like any API key."""
    holder = find_live_key.first(key_digest(text)) if is_well_formed(text) else find_worker(text)
    if holder is None:
        raise NotAuthenticated("The API key is unknown or was revoked.")
    return holder


def _actor_of(holder: Holder) -> Actor:
    match holder:
        case ApiKey():
            return Actor.of_api_key(holder)
        case EnvironmentKey():
            return Actor.of_environment_key(holder)
    return Actor(workspace=holder.workspace, session_id=holder.session_id)


def _check_workspace(request: HttpRequest, holder: Holder) -> None:
    wanted = request.headers.get("anthropic-workspace-id")
    if wanted and wanted != holder.workspace_id:
        raise PermissionDenied(f"anthropic-workspace-id: this API key does not belong to {wanted!r}.")


def _check_version(request: HttpRequest) -> None:
    version = request.headers.get("anthropic-version", "")
    if version not in VERSIONS:
        raise InvalidRequest(f"anthropic-version: send one of {', '.join(VERSIONS)} in this header.")


def _scope_of(request: HttpRequest) -> str:
    """What the key must allow: deciding on proposals is a right of its own, as it is for people."""
    if request.method in READING:
        return Scope.READ
    return Scope.REVIEW if _group_of(request) in DECIDING else Scope.WRITE


def _group_of(request: HttpRequest) -> str:
    """The noun after /v1/."""
    return request.path.strip("/").split("/")[1]


def _check_address(request: HttpRequest) -> None:
    if "\x00" in request.path:
        raise NotFound("Not found: no id has the character U+0000.")  # PostgreSQL cannot even be asked
    for name, values in request.GET.lists():
        if any("\x00" in value for value in values):
            raise InvalidRequest(f"{name}: the character U+0000 is not allowed.")


def _check_betas(request: HttpRequest) -> None:
    sent = {value.strip() for value in request.headers.get("anthropic-beta", "").split(",") if value.strip()}
    if unknown := sorted(sent - KNOWN_BETAS):
        raise InvalidRequest(
            f"Unexpected value(s) `{'`, `'.join(unknown)}` for the `anthropic-beta` header."
            " See /v1/openapi.json for what each endpoint takes."
        )
    _, group, *rest = request.path.strip("/").split("/")
    needed = set() if rest and rest[-1] in BEYOND_THE_WIRE else GROUPS.get(group, set())
    if group == "memory_stores" and needed <= sent:
        raise InvalidRequest(f"anthropic-beta: send {AGENT_MEMORY} or {MANAGED_AGENTS} here, not both.")
    if needed and not needed & sent and settings.REQUIRE_BETA_HEADERS:
        raise NotFound(f"Not found: this endpoint needs the header anthropic-beta: {' or '.join(sorted(needed))}.")
