"""Skills: keep uploads as versions, take them away, and pin versions in agents.

Deleting is never refused because an agent pins what is deleted: agents cannot be deleted, so a skill could never be
either. What happens then is said: a session that runs goes on and its agent reads that the skill is gone, and no new
session begins with an agent whose skill is missing.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from io import BytesIO
from typing import Any
from zipfile import ZipFile

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from agents import audit, blobs, limits
from agents.access import access_skill, access_skill_version
from agents.actors import Actor
from agents.definitions.skills import LATEST, skills
from agents.exceptions import Conflict, DomainError, InvalidRequest, NotFound
from agents.models import Agent, AgentVersion, Skill, SkillVersion, Workspace
from agents.models.skills import MICROSECOND
from agents.skill_archives import zip_of
from agents.skill_folders import SKILL_FILE, SkillFolder
from agents.storable import storable

TEXT_MAX_BYTES = 200_000  # of a text on a page


def create_skill(folder: SkillFolder, *, actor: Actor, display_name: str | None = None) -> Skill:
    """A skill and its first version; in a workspace no two have one name."""
    shown = _checked_display_name(display_name) or folder.name
    now = timezone.now()
    try:
        with _stored(folder) as (key, columns), transaction.atomic():
            blobs.keep(key)
            skill: Skill = Skill.objects.create(
                workspace=actor.workspace, name=folder.name, display_name=shown, created_at=now, updated_at=now
            )
            SkillVersion.objects.create(skill=skill, created_at=now, **columns)
            audit.record(actor, "skill.created", skill.pk, name=shown)
    except IntegrityError as error:
        raise Conflict(
            f"A skill named {folder.name!r} exists already; add a version to it instead.", code="skill_name_taken"
        ) from error
    return access_skill(actor, skill.pk)


def add_version(skill: Skill, folder: SkillFolder, *, actor: Actor) -> SkillVersion:
    """A newer version, under the name that the skill has for good."""
    if folder.name != skill.name:
        raise InvalidRequest(f"files: the skill {skill.pk} is named {skill.name!r} for good, not {folder.name!r}.")
    with _stored(folder) as (key, columns), transaction.atomic():
        blobs.keep(key)
        _lock(skill)
        version = SkillVersion.objects.create(skill=skill, created_at=_after_the_newest(skill), **columns)
        Skill.objects.filter(pk=skill.pk).update(updated_at=version.created_at)
        audit.record(actor, "skill.version_created", version.pk, name=skill.display_name)
    return version


@transaction.atomic
def delete_skill(skill: Skill, *, actor: Actor) -> None:
    """With every version and its bytes."""
    _lock(skill)
    blobs.let_go(skill.versions.values_list("storage_key", flat=True))
    audit.record(actor, "skill.deleted", skill.pk, name=skill.display_name)
    skill.delete()


@transaction.atomic
def delete_version(version: SkillVersion, *, actor: Actor) -> None:
    """A skill keeps at least one."""
    skill = version.skill
    _lock(skill)
    if not skill.versions.exclude(pk=version.pk).exists():
        raise InvalidRequest(f"{version.pk} is the last version of its skill: delete the skill {skill.pk} instead.")
    audit.record(actor, "skill.version_deleted", version.pk, name=skill.display_name)
    if not skill.versions.filter(pk=version.pk).delete()[0]:
        raise NotFound(f"Skill {skill.pk!r} has no version {version.pk!r}.", code="skill_not_found")
    blobs.let_go([version.storage_key])
    Skill.objects.filter(pk=skill.pk).update(updated_at=timezone.now())


def content_of(version: SkillVersion) -> bytes:
    """The version as a zip with one top folder, named as the skill."""
    with blobs.open_blob(version.storage_key) as file:
        return file.read()


def text_of(version: SkillVersion) -> str:
    """Its SKILL.md, as much of it as a page shows."""
    path = f"{version.skill.name}/{SKILL_FILE}"
    with blobs.open_blob(version.storage_key) as file, ZipFile(file) as archive, archive.open(path) as member:
        return member.read(TEXT_MAX_BYTES).decode("utf-8", "replace")


# What agents name


def pin(body: Mapping[str, Any], actor: Actor, *, at: str = "") -> dict[str, Any]:
    """The same members, with a version that exists in every entry of `skills`: the newest where none is named. `at` is
    where the members stand in the request."""
    if not body.get("skills"):
        return dict(body)
    try:
        wanted = skills(body["skills"])
    except InvalidRequest as refusal:
        raise InvalidRequest(f"{at}{refusal.message}") from refusal
    pinned = [_pinned(entry, actor, f"{at}skills.{index}") for index, entry in enumerate(wanted)]
    return {**body, "skills": pinned}


def _pinned(entry: dict[str, Any], actor: Actor, place: str) -> dict[str, Any]:
    if entry["type"] == "anthropic":
        raise InvalidRequest(
            f"{place}.skill_id: this platform hosts no skills of the type anthropic, so {entry['skill_id']!r} is not"
            " here; upload it as a custom skill."
        )
    try:
        skill = access_skill(actor, entry["skill_id"])
        version = None if entry["version"] == LATEST else access_skill_version(skill, entry["version"])
    except NotFound as missing:
        raise NotFound(f"{place}: {missing.message}", code=missing.code) from missing
    return {**entry, "version": version.pk if version else skill.latest_version_id}


def check_pins(definition: Mapping[str, Any], workspace: Workspace) -> None:
    """No session begins with an agent whose skill was deleted."""
    pinned = {entry["version"]: entry["skill_id"] for entry in definition["skills"]}
    found = SkillVersion.objects.filter(pk__in=pinned, skill__workspace=workspace).values_list("pk", flat=True)
    if missing := sorted(pinned.keys() - set(found)):
        raise InvalidRequest(
            f"agent.skills: the version {missing[0]} of the skill {pinned[missing[0]]} was deleted; update the agent.",
            code="skill_not_found",
        )


def agents_with(skill: Skill, version: SkillVersion | None = None) -> list[Agent]:
    """The agents that are not archived and whose latest version names the skill, or that version of it."""
    latest = AgentVersion.objects.filter(
        agent__workspace=skill.workspace_id, agent__archived_at=None, number=F("agent__version")
    )
    named = latest.filter(definition__skills__icontains=(version or skill).pk).select_related("agent")
    return [version.agent for version in named.order_by("agent__name")]


# Parts


@contextmanager
def _stored(folder: SkillFolder) -> Iterator[tuple[str, dict[str, Any]]]:
    """The key of the stored folder and the columns of its version; without the version, the bytes go again."""
    key = blobs.put(BytesIO(zip_of(folder)))
    try:
        yield (
            key,
            {
                "description": folder.description,
                "storage_key": key,
                "size_bytes": folder.size,
                "files": [{"path": file.path, "size": len(file.data)} for file in folder.files],
            },
        )
    except (DomainError, IntegrityError):
        blobs.let_go([key])
        raise


def _lock(skill: Skill) -> None:
    """The row lock, held until the commit."""
    if not Skill.objects.filter(pk=skill.pk).update(name=F("name")):
        raise NotFound(f"Skill {skill.pk!r} was not found.", code="skill_not_found")


def _after_the_newest(skill: Skill) -> datetime:
    """Now, and in any case later than every version there is: the order of versions is that of their times."""
    newest: datetime = skill.versions.order_by("-created_at").values_list("created_at", flat=True)[0]
    return max(timezone.now(), newest + MICROSECOND)


def _checked_display_name(name: str | None) -> str:
    name = (name or "").strip()
    if len(name) > limits.DISPLAY_NAME_MAX or storable(name) != name or any(mark in name for mark in "\r\n"):
        raise InvalidRequest(f"display_name: it must be one line of at most {limits.DISPLAY_NAME_MAX} characters.")
    return name
