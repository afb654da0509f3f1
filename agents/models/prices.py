"""What tokens cost: list prices of models, each from a day on."""

from django.db import models

from agents import limits
from agents.models.base import PublicIdField, WorkspaceOwned


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
