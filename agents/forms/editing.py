"""Forms over what somebody else may save meanwhile: both are shown then, and nothing of either is lost."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django import forms

from agents.editions import edition_of
from agents.forms.parts import RefusableForm

type Difference = tuple[str, str, str]  # a field's label, what is saved, what was typed


class EditionForm(RefusableForm):
    """`edition` says what the page showed: the verb that saves compares it. Where something is made it is empty."""

    edition = forms.CharField(required=False, widget=forms.HiddenInput(attrs={"autocomplete": "off"}))
    theirs: list[Difference] | None = None  # once somebody else has saved
    author = ""  # who that was, where it is known

    @classmethod
    def shown(cls, row: Any) -> dict[str, Any]:
        """What the fields show of it."""
        return {name: getattr(row, name) for name in cls.base_fields if name != "edition"}

    @classmethod
    def showing(cls, row: Any) -> dict[str, Any]:
        """The same with its edition, as a form begins; what names no columns of its own is known by what is shown."""
        shown = cls.shown(row)
        return {**shown, "edition": edition_of(row if hasattr(row, "EDITED") else shown)}

    @property
    def seen(self) -> str:
        """The edition that this person saw."""
        return str(self.cleaned_data["edition"])

    @property
    def said(self) -> dict[str, Any]:
        """What was typed, without the edition."""
        return {name: value for name, value in self.cleaned_data.items() if name != "edition"}

    @property
    def status(self) -> int:
        """Of the page that shows the form again."""
        return 409 if self.theirs is not None else 422 if self.errors else 200

    def lay_over(self, saved: Mapping[str, Any], author: str = "") -> None:
        """`saved` is what they made of it, as `showing` says it: saving this form once more replaces that."""
        self.author, self.theirs = author, differences(self, saved)
        self._fill(edition=saved["edition"])

    def _fill(self, **values: str) -> None:
        """In place of what the browser sent."""
        data: Any = self.data.copy()  # type: ignore[attr-defined]  # a query, which the stubs call a mapping
        for name, value in values.items():
            data[name] = value
        self.data = data


def differences(form: forms.Form, saved: Mapping[str, Any]) -> list[Difference]:
    """Each field in which what was typed is not what is saved."""
    found = []
    for name in (name for name in saved if name in form.fields and name != "edition"):
        field, typed = form.fields[name], form[name].value()
        theirs, mine = in_words(field, saved[name]), in_words(field, typed)
        if theirs != mine and field.has_changed(saved[name], typed):
            found.append((str(field.label), theirs, mine))
    return found


def in_words(field: forms.Field, value: Any) -> str:
    """A value as people read it on the page."""
    if isinstance(field, forms.BooleanField):
        return "yes" if value else "no"
    names = dict(getattr(field, "choices", ()))
    values = value if isinstance(value, list) else ["" if value is None else value]
    words = sorted(f"{one.normalize():f}" if isinstance(one, Decimal) else str(names.get(one, one)) for one in values)
    return ", ".join(words).replace("\r\n", "\n").strip() or "nothing"
