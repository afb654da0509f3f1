"""What several forms are made of: fields, a search for names, and refusals beside the field they name."""

from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal
from typing import Any

from django import forms
from django.db.models import Model, Q, QuerySet
from django.utils.text import capfirst

from agents.definitions.as_text import BadLine
from agents.exceptions import DomainError
from agents.limits import DISPLAY_NAME_MAX

MESSAGE_MAX_CHARS = 100_000  # a person types or pastes it; the wire allows more in more blocks
USD_MAX = Decimal(999_999)  # per million tokens: what the column holds


def area(rows: int, placeholder: str = "", *, is_code: bool = False) -> forms.Textarea:
    attributes: dict[str, Any] = {"rows": rows, "placeholder": placeholder, "spellcheck": "false"}
    return forms.Textarea(attrs={**attributes, **({"class": "code"} if is_code else {})})


def text_field(label: str, *, longest: int, area: forms.Textarea, help_text: str = "") -> forms.CharField:
    return forms.CharField(
        label=label, required=False, max_length=longest, widget=area, help_text=help_text, strip=False
    )


def usd_field(label: str, places: int, **options: Any) -> forms.DecimalField:
    number = forms.NumberInput(attrs={"step": "any", "min": "0", "inputmode": "decimal"})
    return forms.DecimalField(
        label=label, min_value=Decimal(0), max_value=USD_MAX, decimal_places=places, widget=number, **options
    )


class RefusableForm(forms.Form):
    """A form whose rules are the service's own: a refusal that names a member goes to the field of that name."""

    # Where a member of the wire stands on the page, when not in a field of its own name.
    places: Mapping[str, str] = {}
    # Members of the wire that the page has no field for, only for what is in them.
    opened: Collection[str] = ()

    def add_refusal(self, refusal: DomainError) -> None:
        """Put the service's refusal where the person who typed it looks for it, else above the form."""
        path, found, words = refusal.message.partition(": ")
        name, below = self._field_of(path)
        if found and name in self.fields and " " not in path:
            self.add_error(name, f"{below}: {words}" if below else capfirst(words))
        else:
            self.add_error(None, refusal.message)

    def _field_of(self, path: str) -> tuple[str, str]:
        """The field of a path such as `resources.0.path`, and what of the path lies within it."""
        if path in self.places:
            return self.places[path], ""
        member, _, below = path.partition(".")
        if member in self.opened:
            return next((part for part in reversed(path.split(".")) if part in self.fields), ""), ""
        return self.places.get(member, member), below

    def _lines(self, name: str, parse: Any) -> Any:
        try:
            return parse(self.cleaned_data[name])
        except BadLine as bad:
            raise forms.ValidationError(str(bad))


def offer(form: forms.Form, name: str, choices: Iterable[tuple[str, str]]) -> None:
    """What may be chosen in a field, when that depends on the workspace."""
    field = form.fields[name]
    assert isinstance(field, forms.ChoiceField)
    field.choices = list(choices)


class ListFilter(forms.Form):
    """The filters of a list; an unknown value counts as not chosen."""

    @property
    def chosen(self) -> dict[str, Any]:
        """The filters that are set, by name."""
        self.is_valid()
        return {name: value for name, value in self.cleaned_data.items() if value}

    @property
    def is_narrowing(self) -> bool:
        """Whether any filter is set."""
        return bool(self.chosen)


class NameFilter(forms.Form):
    """The search field of a list; what is too long to be a name counts as nothing."""

    q = forms.CharField(required=False, max_length=DISPLAY_NAME_MAX)

    @property
    def words(self) -> str:
        self.is_valid()
        return str(self.cleaned_data.get("q", ""))

    def narrow[Row: Model](self, rows: QuerySet[Row], column: str) -> QuerySet[Row]:
        """Those with the words in their name, or with just this id."""
        words = self.words
        return rows.filter(Q(pk=words) | Q((f"{column}__icontains", words))) if words else rows
