"""PURE: whom an agent may call in: rosters of both wire types, pinned to versions, merged, shown and frozen.

Stored, the agent itself stands in a roster as `{"type": "self"}`: it is always of the version it stands in.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agents.definitions.parts import Definition, text
from agents.exceptions import InvalidRequest
from agents.limits import AGENT_NAME_MAX, AGENT_ROSTER_MAX

type Roster = dict[str, Any]
type Entry = str | Mapping[str, Any]

COORDINATOR = "coordinator"
MEMBERWISE = "multiagent_20261001"
ADVISOR_NAME = "anthropic.advisor"
SELF = {"type": "self"}
ENABLED = {"type": "enabled"}
DISABLED = {"type": "disabled"}
GROUPS = ("subagents", "workflows")  # the members that hold a list of agents each


@dataclass(frozen=True, slots=True, kw_only=True)
class RosterAgent:
    """An agent at one version, as somebody else's roster needs it."""

    id: str
    version: int
    is_archived: bool
    definition: Definition


# By id and version, the latest without one; None where the workspace has no such agent or version.
type FindAgent = Callable[[str, int | None], RosterAgent | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """The agent whose roster it is, at the version that an update starts from, and how it finds others."""

    id: str
    version: int
    find: FindAgent


def multiagent(body: Mapping[str, Any], resolved: Definition, owner: Owner | None) -> Roster | None:
    """The roster after this request; `resolved` is the rest of the definition, with the roster from before."""
    before: Roster | None = resolved["multiagent"]
    sent = body.get("multiagent", before)
    if "multiagent" not in body or sent is None:
        roster = sent
    elif sent["type"] == COORDINATOR:
        roster = _coordinator(sent, _required(owner))
    else:
        roster = _memberwise(sent, before, _required(owner))
    if roster and owner:
        _check_company(roster, resolved, owner)
    return roster


def shown(roster: Roster | None, agent_id: str, version: int) -> Roster | None:
    """As an agent shows it: only references, with its own in place of `self`."""
    own = {"type": "agent", "id": agent_id, "version": version}
    return _replaced(roster, lambda entry: own if entry == SELF else entry)


def frozen(roster: Roster | None, own: Mapping[str, Any], members: Mapping[tuple[str, int], Any]) -> Roster | None:
    """As a session shows it: full definitions, `self` being the agent as the session runs it; no roster in a roster."""
    alone = without_roster(own)

    def whole(entry: Mapping[str, Any]) -> Mapping[str, Any]:
        if entry == SELF:
            return alone
        return without_roster(members[entry["id"], entry["version"]]) if entry["type"] == "agent" else entry

    return _replaced(roster, whole)


def with_own_copies(snapshot: Mapping[str, Any]) -> dict[str, Any]:
    """A session's agent after a change: what its roster holds of itself follows."""
    own = (snapshot["id"], snapshot["version"])
    alone = without_roster(snapshot)

    def renewed(entry: Mapping[str, Any]) -> Mapping[str, Any]:
        return alone if (entry.get("id"), entry.get("version")) == own else entry

    return {**snapshot, "multiagent": _replaced(snapshot["multiagent"], renewed)}


def without_roster(snapshot: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in snapshot.items() if name not in ("multiagent", "metadata")}


def pins(roster: Roster | None) -> list[tuple[str, int]]:
    """Id and version of every agent in it besides the agent itself."""
    return [(entry["id"], entry["version"]) for entry in _entries(roster) if entry["type"] == "agent"]


def mcp_urls(snapshot: Mapping[str, Any]) -> list[str]:
    """Where the MCP servers of a session's agent and of its roster are."""
    company = [snapshot, *(entry for entry in _entries(snapshot.get("multiagent")) if entry["type"] == "agent")]
    return [server["url"] for member in company for server in member.get("mcp_servers") or []]


def check_geo(definition: Definition, members: Sequence[Definition]) -> None:
    """Nothing may leave the region that one of them is bound to."""
    own = definition["model"]["inference_geo"]
    for member in members:
        if (geo := member["model"]["inference_geo"]) != own:
            raise InvalidRequest(
                f"multiagent: the agent {member['name']!r} runs in inference_geo {geo!r} and this one in {own!r};"
                " a roster must agree."
            )


def _required(owner: Owner | None) -> Owner:
    assert owner is not None, "a roster is resolved where other agents can be looked up"
    return owner


def _coordinator(sent: Mapping[str, Any], owner: Owner) -> Roster:
    entries = list(sent["agents"])
    if not 1 <= len(entries) <= AGENT_ROSTER_MAX:
        raise InvalidRequest(f"multiagent.agents: name 1 to {AGENT_ROSTER_MAX} agents.")
    places = _places("multiagent.agents", entries)
    advisors = {
        place: entry for place, entry in places.items() if isinstance(entry, Mapping) and entry["type"] == "advisor"
    }
    if len(advisors) > 1:
        raise InvalidRequest("multiagent.agents: at most one advisor is allowed.")
    agents = _pinned({place: entry for place, entry in places.items() if place not in advisors}, owner)
    return {"type": COORDINATOR, "agents": [*agents, *(_advisor(entry, place) for place, entry in advisors.items())]}


def _memberwise(sent: Mapping[str, Any], before: Roster | None, owner: Owner) -> Roster:
    """Level by level over a stored roster of the same type: left out stays, null is the default."""
    stored: Mapping[str, Any] = before if before and before["type"] == MEMBERWISE else {}
    roster: Roster = {"type": MEMBERWISE}
    for name in GROUPS:
        kept = {} if name in sent and sent[name] is None else stored.get(name) or {}
        roster[name] = _group(sent.get(name) or kept or ENABLED, kept, name, owner)
    advisor = sent.get("advisor", stored.get("advisor")) or DISABLED
    is_on = advisor["type"] == "enabled"
    return {**roster, "advisor": _advisor(advisor, "multiagent.advisor") if is_on else dict(DISABLED)}


def _group(wanted: Mapping[str, Any], stored: Mapping[str, Any], name: str, owner: Owner) -> dict[str, Any]:
    if wanted["type"] == "disabled":
        return dict(DISABLED)
    kept = stored if stored.get("type") == "enabled" else {}
    inline = wanted.get("inline_agents", kept.get("inline_agents")) or ENABLED
    field = f"multiagent.{name}.predefined_agents"
    if wanted is stored or "predefined_agents" not in wanted:
        agents = list(kept.get("predefined_agents") or [])
    else:
        agents = _pinned(_places(field, wanted["predefined_agents"] or []), owner)
    if len(agents) > AGENT_ROSTER_MAX:
        raise InvalidRequest(f"{field}: at most {AGENT_ROSTER_MAX} agents are allowed.")
    if inline["type"] == "disabled" and not agents:
        raise InvalidRequest(f"{field}: without inline_agents it must name at least one agent.")
    return {"type": "enabled", "inline_agents": {"type": inline["type"]}, "predefined_agents": agents}


def _advisor(entry: Mapping[str, Any], field: str) -> dict[str, Any]:
    return {"type": entry["type"], "model": text(f"{field}.model", entry["model"], AGENT_NAME_MAX, shortest=1)}


def _places(field: str, entries: Sequence[Entry]) -> dict[str, Entry]:
    return {f"{field}.{index}": entry for index, entry in enumerate(entries)}


def _pinned(entries: Mapping[str, Entry], owner: Owner) -> list[dict[str, Any]]:
    """Each of them, by where it stands in the request, at a version; and none twice."""
    pinned: dict[str, dict[str, Any]] = {}
    for place, entry in entries.items():
        found = _pin(entry, place, owner)
        agent_id = found.get("id", owner.id)
        if agent_id in pinned:
            raise InvalidRequest(f"{place}: the agent {agent_id} appears twice.")
        pinned[agent_id] = found
    return list(pinned.values())


def _pin(entry: Entry, field: str, owner: Owner) -> dict[str, Any]:
    reference: Mapping[str, Any] = {"type": "agent", "id": entry} if isinstance(entry, str) else entry
    if reference["type"] == "self":
        return dict(SELF)
    agent_id, version = reference["id"], reference.get("version")
    if agent_id == owner.id and version in (None, owner.version):
        return dict(SELF)
    if version is not None and version < 1:
        raise InvalidRequest(f"{field}.version: it must be at least 1.")
    found = owner.find(agent_id, version)
    if found is None:
        at = "" if version is None else f" with a version {version}"
        raise InvalidRequest(f"{field}: there is no agent {agent_id!r}{at}.")
    if found.is_archived:
        raise InvalidRequest(f"{field}: the agent {agent_id} is archived.")
    if found.definition["multiagent"]:
        raise InvalidRequest(
            f"{field}: the agent {agent_id} has a roster of its own; there is one level of delegation."
        )
    return {"type": "agent", "id": found.id, "version": found.version}


def _check_company(roster: Roster, resolved: Definition, owner: Owner) -> None:
    members = [found.definition for pin in dict.fromkeys(pins(roster)) if (found := owner.find(*pin))]
    check_geo(resolved, members)
    if has_advisor(roster) and ADVISOR_NAME in {resolved["name"], *(member["name"] for member in members)}:
        raise InvalidRequest(f"multiagent: {ADVISOR_NAME} is the advisor's name; no agent of the roster may have it.")


def has_advisor(roster: Roster) -> bool:
    if roster["type"] == COORDINATOR:
        return any(entry["type"] == "advisor" for entry in roster["agents"])
    return bool(roster["advisor"]["type"] == "enabled")


def _entries(roster: Roster | None) -> Iterator[Mapping[str, Any]]:
    if roster and roster["type"] == COORDINATOR:
        yield from roster["agents"]
    elif roster:
        for name in GROUPS:
            yield from roster[name].get("predefined_agents") or []


def _replaced(roster: Roster | None, change: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> dict[str, Any] | None:
    if roster is None:
        return None
    if roster["type"] == COORDINATOR:
        return {**roster, "agents": [change(entry) for entry in roster["agents"]]}
    groups = {
        name: {**group, "predefined_agents": [change(entry) for entry in group["predefined_agents"]]}
        for name in GROUPS
        if "predefined_agents" in (group := roster[name])
    }
    return {**roster, **groups}
