"""The extension field `outcomes` of agents: the rubric that its sessions are judged by.

`agents.plugs.AgentExtension` says when each function is called.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Required, TypedDict

from agents.actors import Actor
from agents.exceptions import InvalidRequest
from agents.models import Agent
from outcomes.limits import CRITERIA_MAX, CRITERION_DESCRIPTION_MAX, CRITERION_NAME_MAX, WEIGHT_TOLERANCE


class CriterionParams(TypedDict, total=False):
    """One thing that a good result has; `weight` is its share of the whole."""

    name: Required[str]
    weight: Required[float]
    description: str | None


class AgentOutcomesParams(TypedDict, total=False):
    """A rubric whose weights sum to 1.0, and the share that counts as satisfied."""

    rubric: Required[list[CriterionParams]]
    threshold: float | None


PARAMS = AgentOutcomesParams


def apply(
    agent: Agent, wanted: dict[str, Any] | None, kept: dict[str, Any] | None, *, actor: Actor
) -> dict[str, Any] | None:
    """Replaced as a whole; null takes it away."""
    return None if wanted is None else resolve(wanted)


def shape(agent: Agent, kept: dict[str, Any]) -> dict[str, Any]:
    return kept


def resources(agent: Agent, kept: Mapping[str, Any], named: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return []


def resolve(wanted: Mapping[str, Any]) -> dict[str, Any]:
    """The rubric as it is kept: every criterion with its description or null."""
    rubric = [_criterion(entry, f"outcomes.rubric.{index}") for index, entry in enumerate(wanted["rubric"])]
    if not 1 <= len(rubric) <= CRITERIA_MAX:
        raise InvalidRequest(f"outcomes.rubric: name 1 to {CRITERIA_MAX} criteria.")
    names = [entry["name"] for entry in rubric]
    if double := next((index for index, name in enumerate(names) if name in names[:index]), None):
        raise InvalidRequest(f"outcomes.rubric.{double}.name: {names[double]!r} appears twice.")
    total = math.fsum(entry["weight"] for entry in rubric)
    if abs(total - 1.0) > WEIGHT_TOLERANCE:
        raise InvalidRequest(f"outcomes.rubric: the weights sum to {total:g}, they must sum to 1.0.")
    threshold = wanted.get("threshold")
    if threshold is not None and not 0 < threshold <= 1:
        raise InvalidRequest("outcomes.threshold: it must be above 0 and at most 1.")
    return {"rubric": rubric, **({} if threshold is None else {"threshold": threshold})}


def _criterion(entry: Mapping[str, Any], field: str) -> dict[str, Any]:
    name, description = entry["name"], entry.get("description")
    if not name.strip() or len(name) > CRITERION_NAME_MAX:
        raise InvalidRequest(f"{field}.name: it must have 1 to {CRITERION_NAME_MAX} characters.")
    if len(description or "") > CRITERION_DESCRIPTION_MAX:
        raise InvalidRequest(f"{field}.description: it may have at most {CRITERION_DESCRIPTION_MAX:,} characters.")
    if not 0 < entry["weight"] <= 1:
        raise InvalidRequest(f"{field}.weight: it must be above 0 and at most 1.")
    return {"name": name, "weight": entry["weight"], **({} if description is None else {"description": description})}
