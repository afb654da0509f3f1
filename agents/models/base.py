"""What every table shares: a prefixed id as primary key, a workspace, and the vocabulary to look things up in one."""

from typing import TYPE_CHECKING, Any, Self

from django.db import models
from django.utils import timezone

from agents.ids import MAX_ID_LENGTH, new_id

if TYPE_CHECKING:
    TextField = models.CharField[str, str]
else:
    TextField = models.CharField


class PublicIdField(TextField):
    """A primary key such as `agent_01…`, made when the row is made."""

    def __init__(self, kind: str = "", **options: Any) -> None:
        self.kind = kind
        options.setdefault("max_length", MAX_ID_LENGTH)
        options.setdefault("editable", False)
        super().__init__(**options)

    def get_default(self) -> Any:
        return new_id(self.kind) if self.primary_key else super().get_default()

    def has_default(self) -> bool:
        return self.primary_key or super().has_default()

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        return name, path, args, {**kwargs, "kind": self.kind}


class WorkspaceQuerySet(models.QuerySet[Any]):
    def in_workspace(self, workspace: Any) -> Self:
        return self.filter(workspace=workspace)

    def live(self) -> Self:
        """Without the archived ones."""
        return self.filter(archived_at=None)

    def newest_first(self) -> Self:
        return self.order_by("-created_at", "-pk")


class WorkspaceOwned(models.Model):
    """Every object lives in exactly one workspace; nothing crosses."""

    workspace = models.ForeignKey("agents.Workspace", on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = WorkspaceQuerySet.as_manager()

    class Meta:
        abstract = True


class Archivable(models.Model):
    archived_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True

    @property
    def is_archived(self) -> bool:
        return self.archived_at is not None
