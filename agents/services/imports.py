"""Transcripts from elsewhere become finished sessions of one agent, with their verdicts; importing twice makes one."""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from django.db import IntegrityError, transaction

from agents import audit, trust
from agents.actors import Actor
from agents.definitions import BUILT_IN_TOOLS, TOOLSET
from agents.eventlog.append import NewEvent, append
from agents.eventlog.fold import usage_shape
from agents.exceptions import InvalidRequest
from agents.ids import new_id
from agents.limits import AGENT_NAME_MAX, SESSION_TITLE_MAX
from agents.models import Agent, AgentVersion, Environment, Session, SessionKind, Thread, Verdict, VerdictResult
from agents.services.agents import create_agent, update_agent
from agents.services.environments import CLOUD, create_environment
from agents.services.sessions import open_session
from agents.services.verdicts import record_verdict
from agents.transcripts import BadTranscript, Call, Happening, Result, Said, Transcript, read

ENVIRONMENT_NAME = "imported"
MARK = "imported"  # metadata key of agents that an import made, and may give more tools
UNKNOWN_MODEL = "unknown"
TOOL_DESCRIPTION = "Seen in imported transcripts."
IDLE = {"stop_reason": {"type": "end_turn"}, "stop_details": None}
SAFE_ARGUMENT = re.compile(r"[A-Za-z0-9_.-]{1,64}")  # what an agent's definition may declare
SAFE_TOOL = re.compile(r"(?!mcp__|ant__)[A-Za-z0-9_-]{1,128}")


@dataclass(kw_only=True)
class ImportReport:
    """`problems` are `(line number from 1, what is wrong)`; those lines were skipped."""

    imported: list[str] = field(default_factory=list)
    existing: int = 0
    problems: list[tuple[int, str]] = field(default_factory=list)


def import_transcripts(lines: Iterable[Any], agent_name: str, *, actor: Actor) -> ImportReport:
    """`lines` are JSON texts or objects, one transcript each; the agent goes by its name or id, and is made when there
    is none of that name."""
    if not 1 <= len(agent_name) <= AGENT_NAME_MAX:
        raise InvalidRequest(f"agent: it must be a name of 1 to {AGENT_NAME_MAX} characters.")
    report = ImportReport()
    found = list(_read_all(lines, report))
    if not found:
        return report
    agent, version = _agent_for(agent_name, [transcript for _, transcript, _ in found], actor)
    environment = _environment(actor)
    for number, transcript, key in found:
        try:
            session = _import_one(transcript, f"{agent.pk}:{key}", agent, version, environment, actor)
        except IntegrityError as error:
            report.problems.append((number, f"could not be stored ({error})"))
            continue
        if session:
            report.imported.append(session.pk)
        else:
            report.existing += 1
    if report.imported:
        audit.record(actor, "session.imported", agent.pk, name=agent.name, detail=f"{len(report.imported)} sessions")
    return report


def _read_all(lines: Iterable[Any], report: ImportReport) -> Iterator[tuple[int, Transcript, str]]:
    for number, line in enumerate(lines, start=1):
        if isinstance(line, str | bytes) and not line.strip():
            continue
        try:
            record = json.loads(line) if isinstance(line, str | bytes) else line
            yield number, read(record), _key(record)
        except BadTranscript as error:
            report.problems.append((number, str(error)))
        except (ValueError, RecursionError) as error:
            report.problems.append((number, f"not JSON: {error}"))


def _key(record: Any) -> str:
    """The content's own name, so that the same transcript is the same session whoever brings it, and how often."""
    canonical = json.dumps(record, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode(errors="surrogatepass")).hexdigest()[:32]


@transaction.atomic
def _import_one(
    transcript: Transcript, key: str, agent: Agent, version: AgentVersion, environment: Environment, actor: Actor
) -> Session | None:
    import_key = hashlib.sha256(key.encode()).hexdigest()
    if Session.objects.filter(workspace=actor.workspace, import_key=import_key).exists():
        return None
    session = open_session(
        agent,
        version,
        environment,
        actor=actor,
        title=(transcript.title or _title(transcript))[:SESSION_TITLE_MAX],
        metadata=transcript.metadata,
        kind=SessionKind.IMPORTED,
        is_practice=False,
        import_key=import_key,
    )
    if transcript.system:
        snapshot = {**session.agent_snapshot, "system": transcript.system}
        Session.objects.filter(pk=session.pk).update(agent_snapshot=snapshot)
    thread = session.threads.get()
    append(session.pk, thread, _log(transcript, thread, _declared(version)))
    if transcript.is_completed is not None:
        result = VerdictResult.COMPLETED if transcript.is_completed else VerdictResult.FAILED
        record_verdict(session, result, source=Verdict.Source.IMPORT, actor=actor)
    return session


def _log(transcript: Transcript, thread: Thread, declared: set[str]) -> list[NewEvent]:
    names = {"session_thread_id": thread.pk, "agent_name": thread.agent_name}
    return [
        NewEvent(type="session.status_running"),
        NewEvent(type="session.thread_status_running", payload=names),
        *_events(transcript.happenings, declared),
        NewEvent(type="session.thread_status_idle", payload={**names, **IDLE}),
        NewEvent(type="session.usage", payload={"usage": usage_shape({}, 0.0)}),
        NewEvent(type="session.status_idle", payload=IDLE),
    ]


def _events(happenings: Iterable[Happening], declared: set[str]) -> Iterator[NewEvent]:
    calls: dict[str, tuple[str, str]] = {}
    for happening in happenings:
        match happening:
            case Said(by_agent=by_agent, content=content):
                yield NewEvent(type="agent.message" if by_agent else "user.message", payload={"content": content})
            case Call(reference=reference, name=name, arguments=arguments):
                event_id = new_id("event")
                calls[reference] = (event_id, name)
                kind = "agent.tool_use" if name in BUILT_IN_TOOLS else "agent.custom_tool_use"
                payload = {"name": name, "input": arguments}
                yield NewEvent(type=kind, payload=payload, event_id=event_id, trust=trust.TOOL_INPUT)
            case Result(reference=reference, content=content, is_error=is_error):
                event_id, name = calls.pop(reference)
                level = trust.TOOL_ERROR if is_error and name in declared else trust.OUTSIDE
                is_built_in = name in BUILT_IN_TOOLS
                kind = "agent.tool_result" if is_built_in else "user.custom_tool_result"
                target = "tool_use_id" if is_built_in else "custom_tool_use_id"
                yield NewEvent(
                    type=kind, payload={target: event_id, "content": content, "is_error": is_error}, trust=level
                )


def _declared(version: AgentVersion) -> set[str]:
    """The tools whose error lines count as the agent's own: declared custom ones, and the built-in toolset."""
    tools = version.definition["tools"]
    names = {tool["name"] for tool in tools if tool["type"] == "custom"}
    return names | (set(BUILT_IN_TOOLS) if any(tool["type"] == TOOLSET for tool in tools) else set())


def _agent_for(name: str, transcripts: list[Transcript], actor: Actor) -> tuple[Agent, AgentVersion]:
    """The agent of that name or id. One that an import made also learns the tools that are new in this file."""
    tools = _tools(transcripts)
    agents = Agent.objects.in_workspace(actor.workspace).live().filter(is_internal=False)
    agent = agents.filter(pk=name).first() or agents.filter(name=name).first()
    if agent is None:
        first = transcripts[0]
        body = {
            "name": name,
            "model": first.model or UNKNOWN_MODEL,
            "system": first.system,
            "tools": tools,
            "metadata": {MARK: "true"},
        }
        agent = create_agent(body, actor=actor)
    elif agent.metadata.get(MARK):
        before = agent.versions.get(number=agent.version).definition["tools"]
        known = {tool.get("name", tool["type"]) for tool in before}
        more = [tool for tool in tools if tool.get("name", tool["type"]) not in known]
        if more:
            agent = update_agent(agent, {"tools": [*before, *more]}, actor=actor)
    return agent, agent.versions.get(number=agent.version)


def _tools(transcripts: list[Transcript]) -> list[dict[str, Any]]:
    """What the transcripts' agents could call, as far as they show it."""
    seen: dict[str, set[str]] = {}
    for transcript in transcripts:
        for call in transcript.calls:
            seen.setdefault(call.name, set()).update(call.arguments)
    tools: list[dict[str, Any]] = [{"type": TOOLSET}] if seen.keys() & set(BUILT_IN_TOOLS) else []
    for name in sorted(name for name in seen.keys() - set(BUILT_IN_TOOLS) if SAFE_TOOL.fullmatch(name)):
        properties: dict[str, Any] = {
            argument: {} for argument in sorted(seen[name]) if SAFE_ARGUMENT.fullmatch(argument)
        }
        schema = {"type": "object", "properties": properties}
        tools.append({"type": "custom", "name": name, "description": TOOL_DESCRIPTION, "input_schema": schema})
    return tools


def _environment(actor: Actor) -> Environment:
    found = Environment.objects.in_workspace(actor.workspace).kept().filter(name=ENVIRONMENT_NAME).first()
    return found or create_environment({"name": ENVIRONMENT_NAME, "config": CLOUD}, actor=actor)


def _title(transcript: Transcript) -> str:
    first = next((said for said in transcript.happenings if isinstance(said, Said)), None)
    return " ".join(first.content[0]["text"].split())[:120] if first else "Imported session"
