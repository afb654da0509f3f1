"""Forms of prices: of a model, and of running time."""

from decimal import Decimal
from typing import Any

from django import forms

from agents.forms.editing import EditionForm
from agents.forms.parts import usd_field
from agents.limits import AGENT_NAME_MAX
from agents.models import ModelPrice
from agents.services.prices import RATES

LABELS = {
    "input": "Input",
    "output": "Output",
    "cache_read": "Cache read",
    "cache_write_5m": "Cache write, 5 minutes",
    "cache_write_1h": "Cache write, 1 hour",
}


class PriceForm(EditionForm):
    """A workspace's own price of a model, in USD per million tokens."""

    model = forms.CharField(
        label="Model id",
        max_length=AGENT_NAME_MAX,
        help_text="As agents name it.",
        widget=forms.TextInput(attrs={"autocapitalize": "none", "spellcheck": "false", "list": "models"}),
    )
    valid_from = forms.DateField(
        label="From this day on",
        help_text="Usage of earlier days keeps its price. Days begin at midnight UTC.",
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in RATES:
            self.fields[name] = usd_field(LABELS[name], 6)

    @classmethod
    def shown(cls, row: ModelPrice) -> dict[str, Any]:
        return {name: getattr(row, name) for name in ("model", "valid_from", *RATES)}

    @property
    def rates(self) -> list[forms.BoundField]:
        """The five amounts, for the template."""
        return [self[name] for name in RATES]


class RuntimePriceForm(EditionForm):
    """What an hour of running time costs."""

    usd_per_hour = usd_field("USD per hour of running time", 6)

    @classmethod
    def shown(cls, row: Decimal) -> dict[str, Any]:
        return {"usd_per_hour": row}
