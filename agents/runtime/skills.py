"""The skills that an agent's definition pins, in one session: what the model is told, and where its box finds them."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from agents.exceptions import DomainError
from agents.models import Session, SkillVersion
from agents.runtime.prompt import Told, skills_note
from agents.sandbox.base import Sandbox, SandboxUnavailable, SkillFiles
from agents.services.skills import content_of
from agents.skill_archives import folder_of_zip

HOSTED_FOLDER = "/mnt/skills"
WORKERS_FOLDER = "skills"  # below a self-hosted worker's own folder, where the SDK's worker puts them
SUFFIX_LENGTH = 8


class Shelf:
    """The pinned skills of one agent in one session; versions that were deleted since are known by their ids alone."""

    def __init__(self, session_id: str, agent: Mapping[str, Any]) -> None:
        self.session_id = session_id
        self._pins = {entry["version"]: entry["skill_id"] for entry in agent.get("skills") or []}
        self._versions: list[SkillVersion] = []
        self._own: set[str] = set()
        self._folder = HOSTED_FOLDER
        if self._pins:
            self._look_up()

    def _look_up(self) -> None:
        session = Session.objects.select_related("environment").get(pk=self.session_id)
        found = SkillVersion.objects.filter(pk__in=self._pins, skill__workspace=session.workspace_id)
        by_id = {version.pk: version for version in found.select_related("skill")}
        self._versions = [by_id[pinned] for pinned in self._pins if pinned in by_id]
        self._own = {entry["version"] for entry in session.agent_snapshot.get("skills") or []}
        if session.environment.is_self_hosted:
            self._folder = WORKERS_FOLDER

    @property
    def note(self) -> str:
        """What the system prompt says of them."""
        here = [
            Told(
                name=version.skill.name,
                folder=f"{self._folder}/{self._name(version)}",
                description=version.description,
            )
            for version in self._versions
        ]
        missing = [self._pins[pinned] for pinned in self._pins.keys() - {version.pk for version in self._versions}]
        return skills_note(here, sorted(missing))

    def place(self, sandbox: Sandbox) -> list[str]:
        """Put them into the session's box; a sentence for the agent about each that could not be put there."""
        problems: list[str] = []
        for version in self._versions if self._folder == HOSTED_FOLDER else ():
            name = self._name(version)
            try:
                sandbox.place_skill(self.session_id, name, version.pk, partial(_files_of, version))
            except SandboxUnavailable as error:
                return [*problems, f"The skills could not be opened: {error.message}."]
            except DomainError as error:
                problems.append(f"The skill {name} could not be opened: {error.message}")
        return problems

    def _name(self, version: SkillVersion) -> str:
        """An agent of the session's roster may pin another version than the session's own agent: both have a place."""
        if version.pk in self._own or self._folder == WORKERS_FOLDER:
            return str(version.skill.name)
        return f"{version.skill.name}-{version.pk[-SUFFIX_LENGTH:]}"


def _files_of(version: SkillVersion) -> SkillFiles:
    return {file.path: (file.data, file.is_executable) for file in folder_of_zip(content_of(version)).files}
