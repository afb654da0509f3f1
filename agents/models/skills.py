"""Skills: folders of instructions that an agent reads when it needs them; every upload is a version."""

from datetime import UTC, datetime, timedelta
from typing import Self

from django.db import models
from django.db.models import OuterRef, Subquery

from agents import limits
from agents.models.base import PublicIdField, WorkspaceOwned, WorkspaceQuerySet

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


class SkillQuerySet(WorkspaceQuerySet):
    def with_latest(self) -> Self:
        """Each with the id, time and description of its newest version."""
        newest = SkillVersion.objects.filter(skill=OuterRef("pk")).order_by("-created_at", "-pk")
        return self.annotate(
            latest_version_id=Subquery(newest.values("pk")[:1]),
            latest_created_at=Subquery(newest.values("created_at")[:1]),
            latest_description=Subquery(newest.values("description")[:1]),
        )


class Skill(WorkspaceOwned):
    """`name` is what SKILL.md calls itself and never changes; a skill always has at least one version."""

    # Of the newest version; on rows that come `with_latest`.
    latest_version_id: str
    latest_created_at: datetime
    latest_description: str

    id = PublicIdField("skill", primary_key=True)
    name = models.CharField(max_length=limits.SKILL_NAME_MAX)
    display_name = models.CharField(max_length=limits.DISPLAY_NAME_MAX)
    updated_at = models.DateTimeField()

    objects = SkillQuerySet.as_manager()  # type: ignore[misc]  # the stubs see a class variable overridden

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


def epoch_of(created_at: datetime) -> str:
    """How older clients address a version: microseconds since 1970; no two of one skill have the same."""
    return str((created_at - EPOCH) // MICROSECOND)


def moment_of_epoch(number: str) -> datetime | None:
    """The time of creation behind such an address."""
    is_number = number.isascii() and number.isdecimal() and len(number) <= 17
    return EPOCH + int(number) * MICROSECOND if is_number else None
