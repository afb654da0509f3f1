"""PURE: the skills of an agent's definition, by the rules that need no look at the skills themselves."""

from collections.abc import Mapping, Sequence
from typing import Any

from agents.exceptions import InvalidRequest
from agents.limits import AGENT_SKILLS_MAX

LATEST = "latest"


def skills(wanted: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """At most so many, each once; `services.skills.pin` has put a version into each entry."""
    if len(wanted) > AGENT_SKILLS_MAX:
        raise InvalidRequest(f"skills: {len(wanted)} skills are more than the {AGENT_SKILLS_MAX} allowed.")
    seen: set[str] = set()
    for index, skill in enumerate(wanted):
        if skill["skill_id"] in seen:
            raise InvalidRequest(f"skills.{index}: {skill['skill_id']!r} appears twice.")
        seen.add(skill["skill_id"])
    return [
        {"type": skill["type"], "skill_id": skill["skill_id"], "version": skill.get("version") or LATEST}
        for skill in wanted
    ]


def check_skills_are_readable(definition: Mapping[str, Any]) -> None:
    """An agent reads its skills with the tool `read`."""
    if definition["skills"] and not any(_reads(tool) for tool in definition["tools"]):
        raise InvalidRequest("skills: an agent with skills needs the built-in tool 'read' enabled.")


def _reads(tool: Mapping[str, Any]) -> bool:
    if tool["type"] != "agent_toolset_20260401":
        return False
    own = next((config for config in tool["configs"] if config["name"] == "read"), tool["default_config"])
    return bool(own["enabled"])
