"""Forms about money: a price, the price of running time, a session's budget, and the days of the costs page."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from django import forms
from django.utils import timezone

from agents.limits import AGENT_NAME_MAX
from agents.services.prices import RATES

USUAL_DAYS = 30
EARLIEST = date(2020, 1, 1)  # before there was anything to count
USD_MAX = Decimal(999_999)  # per million tokens: what the column holds
LABELS = {
    "input": "Input",
    "output": "Output",
    "cache_read": "Cache read",
    "cache_write_5m": "Cache write, 5 minutes",
    "cache_write_1h": "Cache write, 1 hour",
}


def _usd(label: str, places: int, **options: Any) -> forms.DecimalField:
    number = forms.NumberInput(attrs={"step": "any", "min": "0", "inputmode": "decimal"})
    return forms.DecimalField(
        label=label, min_value=Decimal(0), max_value=USD_MAX, decimal_places=places, widget=number, **options
    )


class PriceForm(forms.Form):
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
            self.fields[name] = _usd(LABELS[name], 6)

    @property
    def rates(self) -> list[forms.BoundField]:
        """The five amounts, for the template."""
        return [self[name] for name in RATES]


class RuntimePriceForm(forms.Form):
    """What an hour of running time costs."""

    usd_per_hour = _usd("USD per hour of running time", 6)


class BudgetForm(forms.Form):
    """A session's new cap, in dollars."""

    dollars = _usd("New budget in USD", 2)

    def budget(self) -> dict[str, Any]:
        """The wire's object."""
        return {
            "type": "limit",
            "max_list_cost": {"amount": f"{self.cleaned_data['dollars'] * 100:.0f}", "currency": "USD"},
        }


class CostFilter(forms.Form):
    """From which day to which; an unknown value counts as not chosen."""

    since = forms.DateField(required=False, label="From", widget=forms.DateInput(attrs={"type": "date"}))
    until = forms.DateField(required=False, label="To", widget=forms.DateInput(attrs={"type": "date"}))

    def days(self) -> tuple[date, date]:
        """Both inclusive, in UTC; the last month when nothing is chosen."""
        self.is_valid()
        today = timezone.now().astimezone(UTC).date()
        until = max(EARLIEST, min(self.cleaned_data.get("until") or today, today))
        since = self.cleaned_data.get("since") or until - timedelta(days=USUAL_DAYS - 1)
        return max(EARLIEST, min(since, until)), until

    def moments(self) -> tuple[datetime, datetime]:
        """The first one that counts and the last."""
        since, until = self.days()
        return datetime.combine(since, time(), UTC), datetime.combine(until, time.max, UTC)
