"""Forms of the memory pages."""

from django import forms
from django.db.models import Q, QuerySet

from agents.ids import MAX_ID_LENGTH
from memory.models import Memory


class FileSearch(forms.Form):
    """Search in a store, in paths and text."""

    q = forms.CharField(required=False, label="Search this store", max_length=200)

    @property
    def is_narrowing(self) -> bool:
        """Whether something is searched for."""
        return bool(self._wanted())

    def narrow(self, files: QuerySet[Memory]) -> QuerySet[Memory]:
        """The files whose path or text holds the words."""
        wanted = self._wanted()
        return files.filter(Q(path__icontains=wanted) | Q(content__icontains=wanted)) if wanted else files

    def _wanted(self) -> str:
        return self.cleaned_data["q"] if self.is_valid() else ""


class CompareForm(forms.Form):
    """Two versions."""

    old = forms.CharField(max_length=MAX_ID_LENGTH)
    new = forms.CharField(max_length=MAX_ID_LENGTH)
