"""Forms of the memory pages."""

from typing import Any

from django import forms
from django.db.models import Q, QuerySet

from agents.ids import MAX_ID_LENGTH
from agents.models import Workspace
from memory.models import Memory, MemoryStore

STORES_OFFERED = 200


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


class AgentMemoryForm(forms.Form):
    """What an agent keeps between sessions; part of the agent's own page."""

    template = "memory/agent_memory_form.html"
    extension = ""

    memory_enabled = forms.BooleanField(label="Keep memory between sessions", required=False)
    memory_stores = forms.MultipleChoiceField(
        label="Stores that every session mounts", required=False, widget=forms.CheckboxSelectMultiple
    )

    def __init__(self, data: Any, *, workspace: Workspace, kept: dict[str, Any] | None) -> None:
        chosen = kept["stores"] if kept else []
        super().__init__(data, initial={"memory_enabled": kept and kept["enabled"], "memory_stores": chosen})
        self.was_set = kept is not None
        stores = MemoryStore.objects.in_workspace(workspace).live().filter(unreviewed_review_id=None)
        field = self.fields["memory_stores"]
        assert isinstance(field, forms.MultipleChoiceField)
        offered = stores.order_by("name")[:STORES_OFFERED]
        field.choices = [(store.pk, f"{store.name} ({store.get_tier_display().lower()})") for store in offered]

    def wanted(self) -> dict[str, Any] | None:
        """The member of the wire; None where it was never set and is not now."""
        said = self.cleaned_data
        if not self.was_set and not said["memory_enabled"]:
            return None
        return {"enabled": said["memory_enabled"], "scope": "agent", "stores": said["memory_stores"]}
