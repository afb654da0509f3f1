"""The days of the costs page."""

from datetime import UTC, date, datetime, time, timedelta

from django import forms
from django.utils import timezone

USUAL_DAYS = 30
EARLIEST = date(2020, 1, 1)  # before there was anything to count


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
