"""Finished sessions in the tables, and whole dreams over them, in the words of a test."""

from collections.abc import Sequence
from typing import Any

from django.db import transaction

from agents import trust
from agents.actors import Actor
from agents.eventlog.append import NewEvent, append
from agents.models import Agent, Environment, Session, SessionKind
from agents.services.agents import create_agent
from agents.services.environments import create_environment
from agents.services.sessions import open_session
from agents.services.verdicts import record_verdict
from dreams import pipeline
from dreams.models import Dream, Proposal
from dreams.promotion import base_of, current_entries
from dreams.services import create_dream
from dreams.store_files import read_files
from memory.models import Memory, MemoryStore
from memory.services import create_memory, create_store

MODEL = "claude-sonnet-4-6"


def session_of(
    actor: Actor,
    events: Sequence[dict[str, Any]],
    *,
    principal: str = "ann",
    verdict: str | None = "completed",
    operator: bool = False,
    tools: Sequence[str] = (),
) -> Session:
    """A session that ended with these wire events in its log."""
    agent, environment = _agent(actor, tools), _environment(actor)
    version = agent.versions.get(number=agent.version)
    with transaction.atomic():
        session = open_session(
            agent,
            version,
            environment,
            actor=actor,
            metadata={"principal": principal},
            kind=SessionKind.IMPORTED,
            is_practice=False,
        )
        thread = session.threads.get()
        append(session.pk, thread, [_new_event(event, operator) for event in events])
    if verdict:
        record_verdict(session, verdict, source="checker", actor=actor)
    session.refresh_from_db()
    return session


def _new_event(event: dict[str, Any], operator: bool) -> NewEvent:
    payload = {name: value for name, value in event.items() if name not in ("id", "type", "processed_at")}
    level = trust.OUTSIDE
    if event["type"].endswith("tool_use"):
        level = trust.TOOL_INPUT
    elif payload.get("is_error"):
        level = trust.TOOL_ERROR
    elif event["type"] == "user.message" and operator:
        level = trust.PERSON
    return NewEvent(type=event["type"], payload=payload, event_id=event["id"], trust=level)


def _agent(actor: Actor, tools: Sequence[str]) -> Agent:
    name = f"Agent with {' '.join(tools) or 'bash'}"
    found = Agent.objects.in_workspace(actor.workspace).filter(name=name).first()
    custom = [
        {"type": "custom", "name": tool, "description": "A tool.", "input_schema": {"type": "object"}} for tool in tools
    ]
    body = {"name": name, "model": MODEL, "tools": [{"type": "agent_toolset_20260401"}, *custom]}
    return found or create_agent(body, actor=actor)


def _environment(actor: Actor) -> Environment:
    rows = Environment.objects.in_workspace(actor.workspace).filter(name="Box")
    return rows.first() or create_environment({"name": "Box"}, actor=actor)


def store_of(actor: Actor, files: dict[str, str] | None = None, **columns: Any) -> MemoryStore:
    store = create_store(actor.workspace, name="Notes", **columns)
    for path, content in (files or {}).items():
        create_memory(store, path=path, content=content, actor=actor)
    return store


def files_in(store: MemoryStore | None) -> dict[str, str]:
    return dict(Memory.objects.filter(store=store).values_list("path", "content"))


def begin(actor: Actor, store: MemoryStore, sessions: Sequence[Session], **options: Any) -> Dream:
    ids = [session.pk for session in sessions]
    return create_dream(actor=actor, store_id=store.pk, session_ids=ids, model=MODEL, **options)


def dream_over(actor: Actor, store: MemoryStore, sessions: Sequence[Session], **options: Any) -> Dream:
    """A whole dream, run in this process."""
    dream = begin(actor, store, sessions, **options)
    pipeline.run_dream(dream.pk)
    dream.refresh_from_db()
    return dream


def proposals_of(dream: Dream) -> list[Proposal]:
    return list(dream.review.proposals.order_by("position"))


def trace_of(dream: Dream) -> Session:
    assert dream.session is not None, "the dream never began"
    return dream.session


def output_of(dream: Dream) -> MemoryStore:
    assert dream.output_store_id is not None, "the dream never began"
    return MemoryStore.objects.get(pk=dream.output_store_id)


def error_of(dream: Dream) -> dict[str, str]:
    assert dream.error is not None, f"the dream is {dream.status}"
    return dict(dream.error)


def current_base(proposal: Proposal) -> str:
    """The hash of the entries as they now stand: what an approval binds to."""
    return base_of(current_entries(proposal, read_files(proposal.store_id)))
