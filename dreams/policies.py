"""Verbs of dream policies: create, update, archive, run by hand, run what is due."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from agents import audit, cron
from agents.access import access_agent
from agents.actors import Actor, platform
from agents.editions import check_edition
from agents.exceptions import DomainError, InvalidRequest, PermissionDenied
from agents.models import Agent, Session
from agents.outbox import emit
from agents.services.schedules import Occurrence, start_due
from dreams.choosing import Choice, choose_sessions
from dreams.limits import INSTRUCTIONS_MAX_CHARS, POLICY_NAME_MAX_CHARS, SESSIONS_MAX, WINDOW_DAYS_MAX
from dreams.models import Dream, DreamPolicy, DreamPolicyRun, DreamStatus, PolicyMode, PolicyRunResult, PolicyTrigger
from dreams.models.dream import OutputBehavior
from dreams.services import check_model, create_dream
from memory.access import access_store
from memory.models import MemoryStore
from memory.tiers import dreams_may_write

NIGHTLY = {"type": "cron", "expression": "0 3 * * *", "timezone": "UTC"}
GOING_ON = (DreamStatus.PENDING, DreamStatus.RUNNING)


def create_policy(body: Mapping[str, Any], *, actor: Actor, is_agents_own: bool = False) -> DreamPolicy:
    """`body` has the members of the API; without a schedule it is every night at three."""
    agent = access_agent(actor, body["agent_id"]) if body.get("agent_id") else None
    now = timezone.now()
    policy = DreamPolicy(workspace=actor.workspace, is_agents_own=is_agents_own, created_at=now, updated_at=now)
    name = f"Dreams of {agent.name}"[:POLICY_NAME_MAX_CHARS] if agent else "Dreams of all agents"
    _set(policy, {"name": name, "schedule": NIGHTLY, **body}, actor)
    with transaction.atomic():
        policy.save(force_insert=True)
        emit(actor.workspace, "dream_policy.created", policy.pk)
        audit.record(actor, "dream_policy.created", policy.pk, name=policy.name)
    return policy


@transaction.atomic
def update_policy(policy: DreamPolicy, body: Mapping[str, Any], *, actor: Actor, edition: str = "") -> DreamPolicy:
    """Members that are left out stay. A new schedule counts from now on; so does one that is enabled again, and what
    was due in between is not made up for. What changes nothing leaves no trace."""
    policy = _lock(policy)
    if policy.is_archived:
        raise InvalidRequest(f"The dream policy {policy.pk} is archived.")
    before = _columns(policy)
    _set(policy, body, actor)
    changed = [name for name, value in _columns(policy).items() if value != before[name]]
    check_edition(edition, before, changed)
    if changed:
        policy.updated_at = timezone.now()
        policy.save(update_fields=[*changed, "next_run_at", "updated_at"])
        emit(policy.workspace_id, "dream_policy.updated", policy.pk)
        audit.record(actor, "dream_policy.updated", policy.pk, name=policy.name)
    return policy


def pause_policies_of(agent: Agent, *, actor: Actor) -> None:
    """The agent was archived, inside the caller's transaction: nothing new is to be dreamt over. Paused and not
    archived, because a person may still want one more dream over its last sessions."""
    for policy in DreamPolicy.objects.live().filter(agent=agent, is_enabled=True).order_by("pk"):
        policy = _lock(policy)
        _set(policy, {"enabled": False}, actor)
        policy.updated_at = timezone.now()
        policy.save(update_fields=["is_enabled", "next_run_at", "updated_at"])
        emit(policy.workspace_id, "dream_policy.updated", policy.pk)
        audit.record(
            actor,
            "dream_policy.updated",
            policy.pk,
            name=policy.name,
            detail="paused",
            reason="Its agent was archived.",
        )


@transaction.atomic
def archive_policy(policy: DreamPolicy, *, actor: Actor) -> DreamPolicy:
    """Final, and repeatable; its dreams and the record of its runs stay."""
    policy = _lock(policy)
    if not policy.is_archived:
        now = timezone.now()
        policy.archived_at, policy.updated_at, policy.next_run_at = now, now, None
        policy.save(update_fields=["archived_at", "updated_at", "next_run_at"])
        emit(policy.workspace_id, "dream_policy.archived", policy.pk)
        audit.record(actor, "dream_policy.archived", policy.pk, name=policy.name)
    return policy


@transaction.atomic
def run_policy(policy: DreamPolicy, *, actor: Actor) -> DreamPolicyRun:
    """Dream now, whatever the clock says; also while the policy is disabled."""
    policy = _lock(policy)
    if policy.is_archived:
        raise InvalidRequest(f"The dream policy {policy.pk} is archived.")
    audit.record(actor, "dream_policy.run", policy.pk, name=policy.name)
    return _run(policy, actor=actor, trigger=PolicyTrigger.MANUAL)


def start_due_policies() -> int:
    """Every second: run the policies whose time has come, each exactly once."""
    return start_due(DreamPolicy.objects.filter(is_enabled=True, archived_at=None), _run_scheduled)


def _run_scheduled(policy: DreamPolicy, occurrence: Occurrence) -> None:
    _run(
        policy,
        actor=platform(policy.workspace),
        trigger=PolicyTrigger.SCHEDULE,
        scheduled_at=occurrence.scheduled_at,
        note=occurrence.missed_text if occurrence.missed else "",
    )


def _run(
    policy: DreamPolicy, *, actor: Actor, trigger: str, scheduled_at: Any = None, note: str = ""
) -> DreamPolicyRun:
    """Create a dream, or say why there is none; the record is written either way, in the caller's transaction."""
    made = _dream_or_reason(policy, actor)
    run = DreamPolicyRun.objects.create(
        workspace_id=policy.workspace_id,
        policy=policy,
        trigger=trigger,
        scheduled_at=scheduled_at,
        result=made["result"],
        dream_id=made.get("dream_id"),
        session_count=made.get("session_count", 0),
        reason=" ".join(part for part in (made["reason"], note) if part),
    )
    emit(policy.workspace_id, f"dream_policy.run_{run.result}", policy.pk)
    return run


def _dream_or_reason(policy: DreamPolicy, actor: Actor) -> dict[str, Any]:
    if unfinished := policy.dreams.filter(status__in=GOING_ON).first():
        reason = f"The dream {unfinished.pk} of this policy has not ended."
        return {"result": PolicyRunResult.SKIPPED, "reason": reason}
    choice = choose_sessions(policy, timezone.now())
    if not choice.session_ids:
        return {"result": PolicyRunResult.NOTHING_NEW, "reason": _nothing_new(choice)}
    try:
        with transaction.atomic():
            dream = _create_dream(policy, choice, actor)
    except DomainError as error:
        return {"result": PolicyRunResult.FAILED, "reason": error.message}
    count = len(choice.session_ids)
    return {"result": PolicyRunResult.STARTED, "dream_id": dream.pk, "session_count": count, "reason": ""}


def _create_dream(policy: DreamPolicy, choice: Choice, actor: Actor) -> Dream:
    if policy.store_id is None:
        raise InvalidRequest("The policy's memory store was deleted: choose another one.")
    is_auto = policy.mode == PolicyMode.AUTO
    return create_dream(
        actor=actor,
        store_id=policy.store_id,
        session_ids=choice.session_ids,
        model=policy.model or _usual_model(policy, choice),
        instructions=policy.objective,
        output_behavior=OutputBehavior.UPDATE_EXISTING if is_auto else OutputBehavior.CREATE_NEW,
        policy=policy,
        selection={"since": choice.since.isoformat(), "skipped": choice.skipped},
    )


def _usual_model(policy: DreamPolicy, choice: Choice) -> str:
    """The model of the policy's agent as it is now, else of the agent that ran the first session to be read."""
    if policy.agent:
        definition = policy.agent.versions.get(number=policy.agent.version).definition
    else:
        definition = Session.objects.get(pk=choice.session_ids[0]).agent_snapshot
    return str((definition.get("model") or {}).get("id", ""))


def _nothing_new(choice: Choice) -> str:
    text = f"Nothing new: 0 finished sessions since {choice.since:%Y-%m-%d %H:%M} UTC that were not read before."
    others = ", ".join(f"{number:,} {reason}" for reason, number in choice.skipped.items())
    return f"{text} Left out: {others}." if others else text


# What a body says


def _set(policy: DreamPolicy, body: Mapping[str, Any], actor: Actor) -> None:
    """Check every member that is given and put it on the row."""
    if "name" in body:
        policy.name = _text("name", body["name"], POLICY_NAME_MAX_CHARS)
    if body.get("agent_id", policy.agent_id) != policy.agent_id:
        policy.agent = _check_agent(body["agent_id"], actor)
    if "memory_store_id" in body:
        policy.store = access_store(actor, body["memory_store_id"])
    if "objective" in body:
        policy.objective = _text("objective", body["objective"], INSTRUCTIONS_MAX_CHARS) if body["objective"] else None
    if "mode" in body:
        policy.mode = body["mode"]
    if "model" in body:
        policy.model = check_model(body["model"]) if body["model"] else None
    _set_sessions(policy, body.get("sessions") or {})
    if "memory_store_id" in body or "mode" in body:
        _check_store(policy)
    _set_schedule(policy, body)


def _set_sessions(policy: DreamPolicy, wanted: Mapping[str, Any]) -> None:
    policy.window_days = _whole("sessions.window_days", wanted.get("window_days", policy.window_days), WINDOW_DAYS_MAX)
    policy.session_limit = _whole("sessions.limit", wanted.get("limit", policy.session_limit), SESSIONS_MAX)


def _set_schedule(policy: DreamPolicy, body: Mapping[str, Any]) -> None:
    before = (policy.cron, policy.timezone, policy.is_due_some_day)
    if "schedule" in body:
        wanted = body["schedule"] or {"expression": "", "timezone": "UTC"}
        policy.cron, policy.timezone = wanted["expression"].strip(), wanted.get("timezone") or "UTC"
        if body["schedule"]:
            cron.next_after(policy.cron, policy.timezone, timezone.now())  # refuses what never fires
    if body.get("enabled") is not None:
        policy.is_enabled = body["enabled"]
    if (policy.cron, policy.timezone, policy.is_due_some_day) != before or policy.next_run_at is None:
        policy.next_run_at = (
            cron.next_after(policy.cron, policy.timezone, timezone.now()) if policy.is_due_some_day else None
        )


def _check_agent(agent_id: str | None, actor: Actor) -> Agent | None:
    agent = access_agent(actor, agent_id) if agent_id else None
    if agent and (agent.is_archived or agent.is_internal):
        what = "is archived" if agent.is_archived else "belongs to the platform itself"
        raise InvalidRequest(f"agent_id: the agent {agent.pk} {what}.")
    return agent


def _check_store(policy: DreamPolicy) -> None:
    store: MemoryStore | None = policy.store
    if store is None:
        raise InvalidRequest("memory_store_id: the policy's memory store was deleted; name another one.")
    if store.is_archived or store.unreviewed_review_id:
        what = "is archived" if store.is_archived else "is a dream's candidate copy"
        raise InvalidRequest(f"memory_store_id: the memory store {store.pk} {what}.")
    if policy.mode == PolicyMode.AUTO and not dreams_may_write(store.tier):
        raise PermissionDenied(f"Dreams may not write the memory store {store.pk}: its tier is {store.tier}.")


def _text(name: str, value: str, longest: int) -> str:
    if not 1 <= len(value) <= longest:
        raise InvalidRequest(f"{name}: it must be a text of 1 to {longest:,} characters.")
    return value


def _whole(name: str, value: int, most: int) -> int:
    if not 1 <= value <= most:
        raise InvalidRequest(f"{name}: it must be a whole number from 1 to {most}.")
    return value


def _columns(policy: DreamPolicy) -> dict[str, Any]:
    names = ("name", "agent_id", "store_id", "objective", "mode", "model", "window_days", "session_limit")
    return {name: getattr(policy, name) for name in (*names, "is_enabled", "cron", "timezone")}


def _lock(policy: DreamPolicy) -> DreamPolicy:
    """The row lock, held until the commit: of two runs by hand the second one finds the first one's dream."""
    DreamPolicy.objects.filter(pk=policy.pk).update(name=F("name"))
    locked: DreamPolicy = DreamPolicy.objects.select_related("agent", "store", "workspace").get(pk=policy.pk)
    return locked
