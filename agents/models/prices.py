"""What tokens cost: list prices of models, each from a day on; and what was used, summed up by day."""

from datetime import UTC
from typing import Any

from django.db import models
from django.db.models import F

from agents import limits
from agents.models.base import PublicIdField, WorkspaceOwned, WorkspaceQuerySet
from agents.models.sessions import Session


def _usd_per_million() -> "models.DecimalField[str, str]":
    return models.DecimalField(max_digits=12, decimal_places=6)


class ModelPrice(WorkspaceOwned):
    """A workspace's own price of a model, in USD per million tokens, from `valid_from` on; it goes before the built-in
    table. Usage is priced at the day it arose, so that a new price does not rewrite the past."""

    EDITED = ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h")

    id = PublicIdField("price", primary_key=True)
    model = models.CharField(max_length=limits.AGENT_NAME_MAX)
    valid_from = models.DateField()
    input = _usd_per_million()
    output = _usd_per_million()
    cache_read = _usd_per_million()
    cache_write_5m = _usd_per_million()
    cache_write_1h = _usd_per_million()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "model", "valid_from"], name="price_once_per_day")]

    def __str__(self) -> str:
        return f"{self.model} from {self.valid_from}"


class CostDayQuerySet(WorkspaceQuerySet):
    def change(self, **changes: Any) -> int:
        """The only way to write to one: whoever summed it up meanwhile finds another version and begins anew."""
        return self.update(version=F("version") + 1, **changes)

    def forget(self, session: Session) -> None:
        """It goes away, and what its day sums up is not what there is any more."""
        self.filter(workspace=session.workspace_id, day=session.created_at.astimezone(UTC).date()).change(sums=None)

    def rank_again(self, workspace_id: str) -> None:
        """Other prices, another order of what cost most."""
        self.filter(workspace=workspace_id).change(edition="")


class CostDay(WorkspaceOwned):
    """What the sessions that began on one UTC day have used, summed up for those of them that rest: the others are
    `Session.uncounted`. Sums are of tokens and of time, so that prices may change. `ranked` are the dearest of them at
    the prices of `edition`. The database never looks into these texts."""

    day = models.DateField()
    version = models.PositiveBigIntegerField(default=0)
    sums = models.TextField(null=True)  # None: to be made anew
    ranked = models.TextField(default="[]")
    edition = models.CharField(max_length=64, default="", blank=True)

    objects = CostDayQuerySet.as_manager()  # type: ignore[misc]  # the stubs see a class variable overridden

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "day"], name="cost_day_once")]

    def __str__(self) -> str:
        return str(self.day)
