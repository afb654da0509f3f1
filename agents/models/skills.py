"""Skills: folders of instructions that an agent reads when it needs them; every upload is a version."""

from django.db import models

from agents import limits
from agents.models.base import PublicIdField, WorkspaceOwned


class Skill(WorkspaceOwned):
    """`name` is what SKILL.md calls itself and never changes; a skill always has at least one version."""

    id = PublicIdField("skill", primary_key=True)
    name = models.CharField(max_length=limits.SKILL_NAME_MAX)
    display_name = models.CharField(max_length=limits.DISPLAY_NAME_MAX)
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "name"], name="skill_name_once")]
        indexes = [models.Index(fields=["workspace", "-created_at", "-id"], name="skill_newest")]

    def __str__(self) -> str:
        return self.display_name


class SkillVersion(models.Model):
    """One upload, kept as a zip with a single top folder; `files` lists path and size of each member."""

    id = PublicIdField("skill_version", primary_key=True)
    skill = models.ForeignKey(Skill, on_delete=models.CASCADE, related_name="versions")
    description = models.TextField()
    storage_key = models.CharField(max_length=255)
    size_bytes = models.PositiveBigIntegerField()  # of the members, unpacked
    files = models.JSONField(default=list)
    created_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["skill", "-created_at", "-id"], name="skill_version_newest")]

    def __str__(self) -> str:
        return f"{self.skill_id} {self.id}"
