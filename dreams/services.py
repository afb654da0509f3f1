"""Verbs of dreams: create, cancel, archive."""

import hashlib
import hmac
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from agents import audit, queue
from agents.actors import Actor
from agents.exceptions import Conflict, InvalidRequest, NotFound, PermissionDenied
from agents.models import Session, SessionKind, Workspace
from agents.outbox import emit
from agents.plugs import model_client
from dreams.limits import INSTRUCTIONS_MAX_CHARS, MODEL_ID_MAX_CHARS, SESSIONS_MAX
from dreams.models import Dream, DreamPolicy, DreamStatus
from dreams.models.dream import OutputBehavior
from memory.access import access_store
from memory.models import MemoryStore
from memory.services import hold_store
from memory.tiers import dreams_may_write

RUN_DREAM = "dreams.jobs.run_dream"
QUEUE = "batch"
NO_USAGE = {
    "input_tokens": 0,
    "output_tokens": 0,
    "cache_read_input_tokens": 0,
    "cache_creation_input_tokens": 0,
}


def create_dream(
    *,
    actor: Actor,
    store_id: str,
    session_ids: Sequence[str],
    model: str | dict[str, Any],
    instructions: str | None = None,
    output_behavior: str = OutputBehavior.CREATE_NEW,
    output_store_id: str | None = None,
    policy: DreamPolicy | None = None,
    selection: dict[str, Any] | None = None,
) -> Dream:
    """A pending dream; a worker picks it up once this transaction is committed. `selection` says how a policy chose the
    sessions, for the manifest."""
    chosen = check_model(model)
    store = access_store(actor, store_id)
    if store.is_archived:
        raise InvalidRequest(f"inputs: the memory store {store.pk} is archived.")
    _check_instructions(instructions)
    sessions = check_sessions(session_ids, actor)
    _check_output(output_behavior, output_store_id, store)
    with transaction.atomic():
        # Taking the store's row lock makes the check for another dream on it hold until the commit.
        hold_store(store.pk)
        if output_behavior == OutputBehavior.UPDATE_EXISTING:
            _check_is_only_one(store)
        dream = Dream.objects.create(
            workspace=actor.workspace,
            policy=policy,
            manifest={"selection": selection} if selection else {},
            input_store_id=store.pk,
            input_session_ids=sessions,
            model=chosen,
            instructions=instructions,
            output_behavior=output_behavior,
            usage=NO_USAGE,
            actor_type=actor.kind,
            actor_id=actor.id,
            is_practice=model_client().is_practice,
            enqueued_at=timezone.now(),
        )
        emit(actor.workspace, "dream.created", dream.pk)
        audit.record(actor, "dream.created", dream.pk, name=f"dream into {store.name}")
        queue.enqueue(RUN_DREAM, dream.pk, queue=QUEUE)
    return dream


def check_model(model: str | dict[str, Any]) -> dict[str, str]:
    """The wire's model member as `{"id", "speed"}`."""
    given = {"id": model} if isinstance(model, str) else dict(model)
    name, speed = given.get("id"), given.get("speed") or "standard"
    if not isinstance(name, str) or not 1 <= len(name) <= MODEL_ID_MAX_CHARS:
        raise InvalidRequest(f"model: the id must be a text of 1 to {MODEL_ID_MAX_CHARS} characters.")
    if speed != "standard":
        raise InvalidRequest("model.speed: a dream runs at standard speed only.")
    return {"id": name, "speed": "standard"}


def check_sessions(session_ids: Sequence[str], actor: Actor) -> list[str]:
    """The ids sorted; each must be a session of this workspace, and none a dream's own."""
    if not 1 <= len(session_ids) <= SESSIONS_MAX:
        raise InvalidRequest(f"inputs: session_ids must name 1 to {SESSIONS_MAX} sessions.")
    if len(set(session_ids)) != len(session_ids):
        raise InvalidRequest("inputs: session_ids must not name a session twice.")
    kinds = dict(Session.objects.in_workspace(actor.workspace).filter(pk__in=session_ids).values_list("pk", "kind"))
    if missing := sorted(set(session_ids) - set(kinds)):
        raise NotFound(f"Session {missing[0]!r} was not found.")
    if dreamt := sorted(pk for pk, kind in kinds.items() if kind == SessionKind.DREAM):
        raise InvalidRequest(f"inputs: {dreamt[0]} is a dream's own session; dreams are no evidence for dreams.")
    return sorted(session_ids)


def _check_instructions(instructions: str | None) -> None:
    if instructions is not None and not 1 <= len(instructions) <= INSTRUCTIONS_MAX_CHARS:
        raise InvalidRequest(f"instructions: it must be a text of 1 to {INSTRUCTIONS_MAX_CHARS:,} characters.")


def _check_output(behavior: str, output_store_id: str | None, store: MemoryStore) -> None:
    if behavior not in OutputBehavior.values:
        raise InvalidRequest(f"output_behavior: must be one of {', '.join(OutputBehavior.values)}.")
    if behavior != OutputBehavior.UPDATE_EXISTING:
        return
    if output_store_id not in (None, store.pk):
        raise InvalidRequest("output_behavior: memory_store_id must be the input memory store.")
    if not dreams_may_write(store.tier):
        raise PermissionDenied(f"Dreams may not write the memory store {store.pk}: its tier is {store.tier}.")


def _check_is_only_one(store: MemoryStore) -> None:
    going_on = Q(status__in=[DreamStatus.PENDING, DreamStatus.RUNNING])
    stopping = Q(status=DreamStatus.CANCELED, session__isnull=False, session__archived_at=None)
    updating = Dream.objects.filter(input_store_id=store.pk, output_behavior=OutputBehavior.UPDATE_EXISTING)
    unfinished = updating.filter(going_on | stopping).first()
    if unfinished:
        raise Conflict(f"The dream {unfinished.pk} already updates this memory store and has not stopped.")


@transaction.atomic
def cancel_dream(dream: Dream, *, actor: Actor) -> Dream:
    """End it at once; what it wrote so far stays as it is. A canceled dream stays canceled."""
    now = timezone.now()
    unfinished = Dream.objects.filter(pk=dream.pk, status__in=[DreamStatus.PENDING, DreamStatus.RUNNING])
    if unfinished.update(status=DreamStatus.CANCELED, ended_at=now, wake=F("wake") + 1):
        emit(dream.workspace_id, "dream.canceled", dream.pk)
        audit.record(actor, "dream.canceled", dream.pk)
        queue.enqueue(RUN_DREAM, dream.pk, queue=QUEUE)  # to close its session
    dream.refresh_from_db()
    if dream.status != DreamStatus.CANCELED:
        raise InvalidRequest(f"The dream {dream.pk} has {dream.status} already.")
    return dream


@transaction.atomic
def archive_dream(dream: Dream, *, actor: Actor) -> Dream:
    """Out of the lists; its status stays."""
    if not DreamStatus(dream.status).is_final:
        raise InvalidRequest(f"The dream {dream.pk} is {dream.status}: cancel it first.")
    if Dream.objects.filter(pk=dream.pk, archived_at=None).update(archived_at=timezone.now()):
        emit(dream.workspace_id, "dream.archived", dream.pk)
        audit.record(actor, "dream.archived", dream.pk)
    dream.refresh_from_db()
    return dream


def redaction_key(workspace: Workspace) -> bytes:
    """Equal secrets get equal placeholders inside one workspace, and different ones in another."""
    return hmac.new(settings.SECRET_KEY.encode(), f"redaction:{workspace.pk}".encode(), hashlib.sha256).digest()
