"""What each kind of credential reaches: an API key its workspace, a key of workers their environment's queue and
sessions, a work item's token that item, its session and the memory attached to it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from functools import cached_property
from typing import Any

from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone

from agents import limits
from agents.actors import Actor
from agents.crypto import ENVIRONMENT_KEY_PREFIX, WORK_PREFIX, is_well_formed, key_digest
from agents.exceptions import NotFound, PermissionDenied
from agents.models import ApiKey, EnvironmentKey, Session, SessionResource, WorkItem, WorkState

READING = ("GET", "HEAD", "OPTIONS")


class Credential(StrEnum):
    API_KEY = "API key"
    ENVIRONMENT_KEY = "environment key"
    OF_WORK = "sessions token"


@dataclass(frozen=True)
class Rule:
    """Calls of one address; in braces stands what a worker's credential must own."""

    method: str
    address: str
    who: frozenset[Credential]

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        return re.compile("/v1/" + re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", self.address))


API, ENVIRONMENT, TOKEN = Credential.API_KEY, Credential.ENVIRONMENT_KEY, Credential.OF_WORK
WORK, ITEM = "environments/{environment}/work", "environments/{environment}/work/{work}"
SESSION, SKILL, MEMORIES = "sessions/{session}", "skills/{skill}", "memory_stores/{store}/memories"
EVERYBODY = frozenset({API, ENVIRONMENT, TOKEN})
# The first rule that fits decides; an address without any is for API keys alone.
MATRIX = (
    Rule("GET", f"{WORK}/poll", frozenset({ENVIRONMENT})),
    Rule("GET", f"{WORK}/stats", frozenset({API, ENVIRONMENT})),
    Rule("GET", WORK, frozenset({ENVIRONMENT})),
    Rule("POST", f"{ITEM}/ack", frozenset({ENVIRONMENT})),
    Rule("POST", f"{ITEM}/heartbeat", frozenset({ENVIRONMENT, TOKEN})),
    Rule("POST", f"{ITEM}/stop", EVERYBODY),
    Rule("GET", SESSION, EVERYBODY),
    Rule("GET", f"{SESSION}/events", EVERYBODY),
    Rule("POST", f"{SESSION}/events", EVERYBODY),
    Rule("GET", f"{SESSION}/events/stream", EVERYBODY),
    Rule("GET", SKILL, EVERYBODY),
    Rule("GET", f"{SKILL}/versions", EVERYBODY),
    Rule("GET", f"{SKILL}/versions/{{version}}", EVERYBODY),
    Rule("GET", f"{SKILL}/versions/{{version}}/content", EVERYBODY),
    Rule("GET", "memory_stores/{store}", frozenset({API, TOKEN})),
    Rule("GET", MEMORIES, frozenset({API, TOKEN})),
    Rule("POST", MEMORIES, frozenset({API, TOKEN})),
    Rule("GET", f"{MEMORIES}/{{memory}}", frozenset({API, TOKEN})),
    Rule("POST", f"{MEMORIES}/{{memory}}", frozenset({API, TOKEN})),
    Rule("DELETE", f"{MEMORIES}/{{memory}}", frozenset({API, TOKEN})),
)
API_KEYS_ONLY = Rule("", "", frozenset({API}))

type Holder = ApiKey | EnvironmentKey | WorkItem


def find_worker(text: str) -> EnvironmentKey | WorkItem | None:
    """Whose key or token this is, when it is a worker's and still good."""
    if is_well_formed(text, ENVIRONMENT_KEY_PREFIX):
        keys = EnvironmentKey.objects.filter(revoked_at=None, environment__deleted_at=None)
        key: EnvironmentKey | None = keys.select_related("workspace").filter(digest=key_digest(text)).first()
        return key
    if is_well_formed(text, WORK_PREFIX):
        # A worker that is told to stop still has results to bring and memory to save.
        late = timezone.now() - timedelta(seconds=limits.WORK_TOKEN_SECONDS)
        good = ~Q(state=WorkState.STOPPED) | Q(stopped_at__gt=late)
        item: WorkItem | None = (
            WorkItem.objects.select_related("workspace").filter(good, token_digest=key_digest(text)).first()
        )
        return item
    return None


def check_reach(request: HttpRequest, holder: Holder) -> None:
    """`PermissionDenied` where the matrix says no; what the holder does not own is missing."""
    rule, names = _rule_for(request)
    kind = _kind_of(holder)
    if kind not in rule.who:
        raise PermissionDenied(f"This call takes the {' or the '.join(sorted(rule.who))}, not the {kind}.")
    if not isinstance(holder, ApiKey):
        _Owned(holder).check(request.method or "", names)


def check_events_of_worker(actor: Actor, events: list[dict[str, Any]]) -> None:
    """A worker's credential lies where the agent's commands run: it must not allow what the agent asks for, unless the
    operator made the key for that. The token of an item, which lies closest, never does."""
    if not (actor.environment_key or actor.session_id):
        return
    types = {event["type"] for event in events}
    if "system.message" in types:
        raise PermissionDenied("events: a worker cannot send system messages; that takes an API key.")
    if "user.tool_confirmation" in types and not (actor.environment_key and actor.environment_key.may_confirm):
        raise PermissionDenied(
            "events: this credential cannot confirm tool calls; that takes an API key, or an environment key that was"
            " made with the right to confirm."
        )


def _rule_for(request: HttpRequest) -> tuple[Rule, dict[str, str]]:
    method = "GET" if request.method in READING else request.method
    for rule in MATRIX:
        if rule.method == method and (found := rule.pattern.fullmatch(request.path)):
            return rule, found.groupdict()
    return API_KEYS_ONLY, {}


def _kind_of(holder: Holder) -> Credential:
    if isinstance(holder, ApiKey):
        return API
    return ENVIRONMENT if isinstance(holder, EnvironmentKey) else TOKEN


class _Owned:
    """What a worker's key or token may name."""

    def __init__(self, holder: EnvironmentKey | WorkItem) -> None:
        self.holder = holder

    def check(self, method: str, names: Mapping[str, str]) -> None:
        for name, value in names.items():
            owns = getattr(self, f"owns_{name}", None)
            if owns and not owns(value):
                raise NotFound(f"{name.capitalize()} {value!r} was not found.")
        if "store" in names and method not in READING:
            self._check_writable(names["store"])

    def owns_environment(self, environment_id: str) -> bool:
        return bool(self.holder.environment_id == environment_id)

    def owns_work(self, work_id: str) -> bool:
        return not isinstance(self.holder, WorkItem) or bool(self.holder.pk == work_id)

    def owns_session(self, session_id: str) -> bool:
        return bool(self._sessions().filter(pk=session_id).exists())

    def owns_skill(self, skill_id: str) -> bool:
        """Whether an agent of one of the sessions pins it."""
        snapshots = self._sessions().values_list("agent_snapshot", flat=True)
        return any(skill_id in _skills_in(snapshot) for snapshot in snapshots.iterator(chunk_size=50))

    def owns_store(self, store_id: str) -> bool:
        return bool(self._stores(store_id).exists())

    def _sessions(self) -> Any:
        rows = Session.objects.filter(workspace=self.holder.workspace_id, environment=self.holder.environment_id)
        return rows.filter(pk=self.holder.session_id) if isinstance(self.holder, WorkItem) else rows.live()

    def _stores(self, store_id: str) -> Any:
        attached = SessionResource.objects.filter(kind="memory_store", target_id=store_id)
        return attached.filter(session__in=self._sessions())

    def _check_writable(self, store_id: str) -> None:
        configs = self._stores(store_id).values_list("config", flat=True)
        if not any(config.get("access") == "read_write" for config in configs):
            raise PermissionDenied(f"The memory store {store_id} is attached read_only.")


def _skills_in(value: Any) -> set[str]:
    """The ids of the skills that a frozen agent pins, its roster's included."""
    if isinstance(value, list):
        return {found for entry in value for found in _skills_in(entry)}
    if isinstance(value, dict):
        own = {value["skill_id"]} if isinstance(value.get("skill_id"), str) else set()
        return own.union(*map(_skills_in, value.values()))
    return set()
