"""PURE: an agent's definition as a request states it -> the resolved definition that is stored and shown.

What a definition names outside itself is found by whoever calls: the `owner` of a roster finds other agents.
"""

from collections.abc import Mapping
from typing import Any

from agents.definitions.mcp import check_servers_are_used, mcp_servers
from agents.definitions.multiagent import Owner, multiagent
from agents.definitions.parts import Definition, execution_identity, metadata, model, optional_text, text
from agents.definitions.skills import check_skills_are_readable, skills
from agents.definitions.tools import BUILT_IN_TOOLS, TOOLSET, tools
from agents.limits import AGENT_DESCRIPTION_MAX, AGENT_NAME_MAX, AGENT_SYSTEM_MAX

__all__ = ["BUILT_IN_TOOLS", "TOOLSET", "Definition", "Owner", "resolve"]

_EMPTY: Definition = {
    "name": "",
    "description": None,
    "model": None,
    "system": None,
    "tools": [],
    "mcp_servers": [],
    "skills": [],
    "multiagent": None,
    "execution_identity": {"type": "service_account"},
    "metadata": {},
}


def resolve(
    body: Mapping[str, Any],
    previous: Definition | None = None,
    *,
    owner: Owner | None = None,
) -> Definition:
    """What the agent is after this create, or after this update of `previous`; a member that is left out stays."""
    before = previous or _EMPTY
    resolved = {
        "name": text("name", body.get("name", before["name"]), AGENT_NAME_MAX, shortest=1),
        "description": optional_text(body, before, "description", AGENT_DESCRIPTION_MAX),
        "model": model(body, before),
        "system": optional_text(body, before, "system", AGENT_SYSTEM_MAX),
        "tools": tools(body["tools"] or []) if "tools" in body else before["tools"],
        "mcp_servers": mcp_servers(body["mcp_servers"] or []) if "mcp_servers" in body else before["mcp_servers"],
        "skills": skills(body["skills"] or []) if "skills" in body else before["skills"],
        "multiagent": before["multiagent"],
        "execution_identity": execution_identity(body, before),
        "metadata": metadata(body, previous),
    }
    check_servers_are_used(resolved)
    check_skills_are_readable(resolved)
    return {**resolved, "multiagent": multiagent(body, resolved, owner)}
