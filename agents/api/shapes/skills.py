"""Skills and their versions, in the wire's shape and in the one that older clients ask for."""

from typing import Any

from agents.eventlog.wire import timestamp
from agents.models import Skill, SkillVersion
from agents.models.skills import epoch_of

CUSTOM = "custom"


def skill_shape(skill: Skill) -> dict[str, Any]:
    """`skill` has the columns of its newest version."""
    return {
        "id": skill.pk,
        "type": "skill",
        "display_name": skill.display_name,
        "latest_version_id": skill.latest_version_id,
        "source": {"type": CUSTOM},
        "created_at": timestamp(skill.created_at),
        "updated_at": timestamp(skill.updated_at),
    }


def old_skill_shape(skill: Skill) -> dict[str, Any]:
    return {
        "id": skill.pk,
        "type": "skill",
        "display_title": skill.display_name,
        "latest_version": epoch_of(skill.latest_created_at),
        "source": CUSTOM,
        "created_at": timestamp(skill.created_at),
        "updated_at": timestamp(skill.updated_at),
    }


def version_shape(version: SkillVersion) -> dict[str, Any]:
    return {
        "id": version.pk,
        "type": "skill_version",
        "skill_id": version.skill_id,
        "name": version.skill.name,
        "description": version.description,
        "created_at": timestamp(version.created_at),
    }


def old_version_shape(version: SkillVersion) -> dict[str, Any]:
    address = epoch_of(version.created_at)
    return {**version_shape(version), "version": address, "directory": version.skill.name}
